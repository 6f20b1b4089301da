"""What the imaginary world is made of: genres and what they sound like, markets, searches, and words for names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Genre:
    """A genre: how popular it is, and what it sounds like.

    Attributes:
        name: as an event brings it.
        popularity: what it adds to the popularity of a track.
        danceability, energy, acousticness, speechiness, valence: means, from 0 to 1.
        loudness: mean, in decibel.
        tempo: mean, in beats per minute.
    """

    name: str
    popularity: float
    danceability: float
    energy: float
    acousticness: float
    speechiness: float
    valence: float
    loudness: float
    tempo: float


GENRES = (
    Genre("pop", 6.0, 0.64, 0.66, 0.24, 0.07, 0.52, -6.0, 118.0),
    Genre("latin", 3.0, 0.72, 0.71, 0.21, 0.10, 0.63, -5.6, 112.0),
    Genre("reggaeton", 5.0, 0.76, 0.74, 0.18, 0.11, 0.60, -4.9, 96.0),
    Genre("trap", 0.0, 0.72, 0.62, 0.20, 0.20, 0.42, -6.7, 130.0),
    Genre("rock", -4.0, 0.50, 0.78, 0.14, 0.06, 0.50, -6.9, 126.0),
    Genre("hip-hop", 2.0, 0.74, 0.64, 0.19, 0.22, 0.50, -6.8, 108.0),
    Genre("indie", -6.0, 0.56, 0.56, 0.38, 0.05, 0.46, -8.6, 120.0),
    Genre("electronic", -3.0, 0.66, 0.80, 0.08, 0.07, 0.40, -5.8, 125.0),
)
"""The first six are the seeds of the original's recommendations."""

MARKETS = {"US": 0.29, "MX": 0.22, "BR": 0.19, "CO": 0.13, "ES": 0.11, "AR": 0.06}
"""Share of the events by country."""

MARKET_POPULARITY = {"US": 3.0, "MX": 1.5, "BR": 0.5, "CO": -1.0, "ES": -1.5, "AR": -3.0}
"""What a market adds: tracks that are found there are more or less popular."""

RARE_MARKETS = ("CL", "PE", "UY")
"""Markets that turn up now and then, and that no model has seen."""

SEARCHES = (
    "love", "fiesta", "noche", "corazón", "verano", "dance", "remix", "acústico", "live", "party 🎉",
)  # fmt: skip
"""What is searched for."""

FIRST_WORDS = (
    "Los", "Las", "The", "DJ", "La", "El", "Young", "MC", "Little", "Duo", "Santa", "Don",
)  # fmt: skip
SECOND_WORDS = (
    "Faroles", "Rivers", "Ceniza", "Lobos", "Neon", "Jaguar", "Marea", "Ríos", "Coral", "Niños", "Cóndor", "Velvet",
    "Tormenta", "Paloma", "Echo", "Aurora", "Bronco", "Selva", "Mañana", "Stellar", "Trueno", "Açaí", "Satellite", "Perla",
)  # fmt: skip
TITLE_WORDS = (
    "Corazón", "Fuego", "Night", "Luz", "Azul", "Baila", "Forever", "Lluvia", "Sol", "Home", "Sueño", "Fire", "Mar", "Gold",
    "Camino", "Saudade", "Heart", "Señal", "Ciudad", "Wild", "Luna", "Adiós", "River", "Cielo", "Glass", "Vuelve", "Noche",
    "Radio", "Verano", "Ghost", "Coração", "Silencio",
)  # fmt: skip
