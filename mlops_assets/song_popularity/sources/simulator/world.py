"""The imaginary world: artists whose fame grows and fades, their albums, past and to come, and the tracks on them.

Everything follows from the seed, and lies in columns, so that thousands of events are drawn at once. Times are days since
1970-01-01 UTC, with a fraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlops_assets.song_popularity.sources.simulator.vocabulary import GENRES, MARKETS

ARTISTS = 240
_BACK_ALBUMS, _NEW_ALBUMS = 5, 110
_LARGEST_ALBUM = 8
_NEW_SINCE_DAY = 19_358.0
"""2023-01-01: albums came out before at any time, and come out from then on at each artist's pace, into the 2030s."""
_SINGLE_SHARE = 0.35

_MEAN_FAME, _FAME_SPREAD = 60.0, 24.0
_APPEAL_POINTS = 6.5
"""What a track that is one standard deviation better than its artist's others has more."""
_AGE_POINTS = 4.0
"""What a track loses within a year, and again by each doubling of that age or so."""


@dataclass(frozen=True)
class World:
    """Artists, albums and tracks. Tracks are in the order of artist and release, albums too.

    Attributes:
        seed: that it follows from.
        artist_genre: position in `GENRES`, by artist.
        fame: middle of an artist's fame, in points of popularity.
        fame_swing, fame_period_days, fame_phase: by how much it grows and fades, how slowly, and where it began.
        market_odds: by artist, cumulated over the markets.
        artist_slots: artists, as equally likely slots: drawing from them is one look-up.
        album_artist, album_day: whose, and on which day it comes out.
        album_first_track, album_size: its tracks.
        albums_by_day: the albums in the order of their days.
        track_album: of which it is one.
        track_order: artist and release day in one number that grows with the track.
        appeal: of a track beside its artist's others, in standard deviations.
    """

    seed: int
    artist_genre: np.ndarray
    fame: np.ndarray
    fame_swing: np.ndarray
    fame_period_days: np.ndarray
    fame_phase: np.ndarray
    market_odds: np.ndarray
    artist_slots: np.ndarray
    album_artist: np.ndarray
    album_day: np.ndarray
    album_first_track: np.ndarray
    album_size: np.ndarray
    albums_by_day: np.ndarray
    track_album: np.ndarray
    track_order: np.ndarray
    appeal: np.ndarray

    def fame_at(self, artists: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Return the fame of artists at moments."""
        swing = np.sin(2 * np.pi * (days / self.fame_period_days[artists] + self.fame_phase[artists]))
        return self.fame[artists] + self.fame_swing[artists] * swing

    def popularity_at(self, tracks: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Return the popularity of tracks at moments, before it is rounded and cut off at 0 and 100."""
        albums = self.track_album[tracks]
        artists = self.album_artist[albums]
        age_years = np.maximum(days - self.album_day[albums], 0) / 365
        genre_points = np.array([genre.popularity for genre in GENRES])[self.artist_genre[artists]]
        return (
            self.fame_at(artists, days) + genre_points + _APPEAL_POINTS * self.appeal[tracks] - _AGE_POINTS * np.log2(1 + age_years)
        )

    def known_tracks(self, artists: np.ndarray, days: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Draw a track of each artist that is out at a moment; newer ones are drawn more often.

        Args:
            artists: whose.
            days: when.
            draws: uniform numbers from 0 to 1.
        """
        first = np.searchsorted(self.track_order, _order(artists, np.zeros(len(artists))))
        end = np.searchsorted(self.track_order, _order(artists, days), side="right")
        return end - 1 - ((end - first) * draws**6).astype(np.int64)

    def new_tracks(self, days: np.ndarray, album_draws: np.ndarray, track_draws: np.ndarray, most_days: float = 30) -> np.ndarray:
        """Draw a track of an album that has come out in the days before each moment.

        Args:
            days: when.
            album_draws: uniform numbers from 0 to 1.
            track_draws: the same.
            most_days: how long an album is new.
        """
        sorted_days = self.album_day[self.albums_by_day]
        end = np.searchsorted(sorted_days, days, side="right")
        first = np.minimum(np.searchsorted(sorted_days, days - most_days), end - 1)
        albums = self.albums_by_day[first + ((end - first) * album_draws).astype(np.int64)]
        return self.album_first_track[albums] + (self.album_size[albums] * track_draws).astype(np.int64)


def build_world(seed: int) -> World:
    """Return the world that belongs to a seed."""
    rng = np.random.default_rng([seed, 1])
    weights = (1 / (np.arange(ARTISTS) + 12)) * rng.lognormal(0, 0.3, ARTISTS)
    album_artist, album_day, album_size = _albums(rng)
    album_first_track = np.concatenate([[0], np.cumsum(album_size)[:-1]])
    track_album = np.repeat(np.arange(len(album_size)), album_size)
    return World(
        seed=seed,
        artist_genre=rng.choice(len(GENRES), ARTISTS, p=[0.2, 0.17, 0.15, 0.1, 0.13, 0.1, 0.08, 0.07]),
        fame=_MEAN_FAME + _FAME_SPREAD * rng.standard_normal(ARTISTS),
        fame_swing=rng.uniform(1.5, 7, ARTISTS),
        fame_period_days=rng.uniform(40, 160, ARTISTS),
        fame_phase=rng.random(ARTISTS),
        market_odds=np.cumsum(rng.dirichlet(6 * np.array(list(MARKETS.values())), ARTISTS), axis=1),
        artist_slots=np.repeat(np.arange(ARTISTS), np.maximum(np.round(65_536 * weights / weights.sum()).astype(int), 1)),
        album_artist=album_artist,
        album_day=album_day,
        album_first_track=album_first_track,
        album_size=album_size,
        albums_by_day=np.argsort(album_day, kind="stable"),
        track_album=track_album,
        track_order=_order(album_artist, album_day)[track_album],
        appeal=rng.standard_normal(len(track_album)),
    )


def _albums(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return artist, day and number of tracks of every album, in the order of artist and day."""
    # Some careers are long: the square draws most old albums from the last decade, and a few from the seventies.
    back = np.sort(_NEW_SINCE_DAY - 60 - 18_000 * rng.random((ARTISTS, _BACK_ALBUMS)) ** 3, axis=1)
    pace = rng.uniform(50, 200, (ARTISTS, 1))
    new = _NEW_SINCE_DAY + np.cumsum(pace * rng.uniform(0.5, 1.5, (ARTISTS, _NEW_ALBUMS)), axis=1)
    days = np.floor(np.hstack([back, new]))
    sizes = np.where(rng.random(days.shape) < _SINGLE_SHARE, 1, rng.integers(4, _LARGEST_ALBUM + 1, days.shape))
    return np.repeat(np.arange(ARTISTS), days.shape[1]), days.ravel(), sizes.ravel()


def _order(artists: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return one number for artist and day, by which tracks are sorted; days stay below 100,000."""
    return artists * 100_000.0 + days
