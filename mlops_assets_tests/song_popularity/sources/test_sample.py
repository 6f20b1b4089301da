"""The simulated world: the same bytes every time, with the faults that it promises, out of which something can be learned."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.song_popularity.contracts import AUDIO_NAMES, EVENT_TYPES
from mlops_assets.song_popularity.events.messages import read_message
from mlops_assets.song_popularity.events.parsing import ParsedEvents, parse_messages
from mlops_assets.song_popularity.sources.sample import SampleEvents, sample_history
from mlops_assets.song_popularity.sources.simulator.poison import POISON, encode, too_large
from mlops_assets.song_popularity.sources.simulator.world import build_world
from mlops_assets.stores.events import Event
from mlops_assets.streams.decoding import Reason
from mlops_assets_tests.processes import python_process
from mlops_assets_tests.song_popularity.messages import NOON, as_batch, fields

GOOD = fields()


@pytest.fixture(scope="module")
def history() -> list[Event]:
    """Give twenty thousand events of three weeks."""
    return list(sample_history(5, NOON - timedelta(days=21), NOON, 20_000))


@pytest.fixture(scope="module")
def parsed(history: list[Event]) -> ParsedEvents:
    return parse_messages(as_batch([event.value for event in history]), "spotify-events", NOON)


@settings(max_examples=30)
@given(first=st.integers(0, 2_100), count=st.integers(1, 60))
def test_event_is_a_function_of_its_number(first: int, count: int) -> None:
    """Whoever goes on at an event gets the bytes, keys and times that somebody who began at the first one gets there."""
    from_the_first = list(islice(SampleEvents(5, NOON, 40).events(), first, first + count))
    assert list(islice(SampleEvents(5, NOON, 40).events(first), count)) == from_the_first


def test_events_are_the_same_in_another_process() -> None:
    """Nothing depends on the order of sets, or on what was drawn before."""
    code = """
from itertools import islice
from mlops_assets.song_popularity.sources.sample import SampleEvents
from mlops_assets_tests.song_popularity.messages import NOON
print(b" ".join(event.value for event in islice(SampleEvents(5, NOON, 40).events(1_000), 60)).hex())
"""
    with python_process(code) as process:
        printed, _ = process.communicate(timeout=60)
    ours = b" ".join(event.value for event in islice(SampleEvents(5, NOON, 40).events(1_000), 60))
    assert bytes.fromhex(printed) == ours


def test_other_seed_is_another_world() -> None:
    """Nothing is the same with another seed."""
    ours, theirs = (next(SampleEvents(seed, NOON, 40).events()).value for seed in (1, 2))
    assert ours != theirs


def test_history_is_spread_evenly_and_repeats() -> None:
    """As many events as asked for, between the two moments but for late ones, and the same again."""
    events = list(sample_history(5, NOON - timedelta(days=10), NOON, 2_000))
    assert events == list(sample_history(5, NOON - timedelta(days=10), NOON, 2_000))
    first_days = sum(event.event_at < NOON - timedelta(days=5) for event in events)
    assert abs(first_days - 1_000) < 60


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_rate_is_a_number_of_events(rate: float) -> None:
    """Events that never come, or all at once, are no sequence."""
    with pytest.raises(ValueError, match="rate"):
        SampleEvents(1, NOON, rate)


def test_faults_are_as_frequent_as_promised(history: list[Event], parsed: ParsedEvents) -> None:
    """Two to five in a hundred are delivered twice, about one is poison, about two are late."""
    reasons = Counter(parsed.rejects["reason_code"])
    assert 0.02 < reasons["duplicate"] / len(history) < 0.05
    poison = len(parsed.rejects) - reasons["duplicate"] + parsed.events["unknown_values"].notna().sum()
    assert 0.007 < poison / len(history) < 0.014
    sent_at = [NOON - timedelta(days=21) + timedelta(days=21) * number / len(history) for number in range(len(history))]
    late = [at - event.event_at for event, at in zip(history, sent_at, strict=True)]
    # A duplicate is an event that happened a while ago: 200 events are five hours here.
    assert 0.01 < sum(delay > timedelta(hours=6) for delay in late) / len(history) < 0.03
    assert timedelta(hours=23) < max(late) < timedelta(hours=30)


def test_duplicates_are_the_same_bytes(history: list[Event]) -> None:
    """What is delivered again was delivered before, byte for byte, to the same key."""
    seen = Counter((event.key, event.value) for event in history if event.value)
    assert 0.02 < sum(count - 1 for count in seen.values()) / len(history) < 0.05


def test_world_is_as_the_platform_expects(parsed: ParsedEvents) -> None:
    """Known types and markets prevail, new releases have no popularity, others hardly ever lack it; tracks come again."""
    events = parsed.events
    common = events[events["unknown_values"].isna()]
    assert set(common["event_type"]) == set(EVENT_TYPES)
    assert {"US", "CO", "BR", "MX", "ES", "AR"} < set(common["country"])
    assert events.loc[events["event_type"] == "new_release", "popularity"].isna().all()
    others = events[events["event_type"] != "new_release"]
    assert 0.03 < others["popularity"].isna().mean() < 0.07
    assert common["query"].notna().tolist() == (common["event_type"] == "search_result").tolist()
    assert 0.05 < events["track_id"].nunique() / len(events) < 0.5
    assert 0.3 < events["genre"].notna().mean() < 0.9
    assert 0.3 < events[list(AUDIO_NAMES)].notna().all(axis=1).mean() < 0.9
    assert (events["album_release_date"].dropna() <= events.loc[events["album_release_date"].notna(), "event_at"].dt.date).all()


def test_classes_are_balanced_enough_to_learn(parsed: ParsedEvents) -> None:
    """The commonest of the three classes has less than half of the tracks, the rarest more than an eighth."""
    known = parsed.events.dropna(subset=["popularity"]).drop_duplicates("track_id", keep="last")
    shares = np.bincount(np.digitize(known["popularity"].astype(int), [40, 70])) / len(known)
    assert shares.max() < 0.52
    assert shares.min() > 0.125


def test_artist_tells_more_than_chance(parsed: ParsedEvents) -> None:
    """The class of an artist's other tracks is that of a track in two of three cases at least: names can be learned from."""
    known = parsed.events.dropna(subset=["popularity"]).drop_duplicates("track_id", keep="last").reset_index(drop=True)
    middle = known["popularity"].astype(float)
    others = (middle.groupby(known["artist"]).transform("sum") - middle) / (middle.groupby(known["artist"]).transform("size") - 1)
    has_others = others.notna()
    right = np.digitize(others[has_others], [40, 70]) == np.digitize(middle[has_others], [40, 70])
    assert right.mean() > 0.66


def test_fame_grows_and_fades_over_weeks() -> None:
    """Within two months, artists rise and fall by some points, and hardly at all within a day."""
    world = build_world(5)
    artists = np.arange(len(world.fame))
    days = np.arange(20_500.0, 20_560.0)
    fame = np.array([world.fame_at(artists, np.full(len(artists), day)) for day in days])
    assert np.ptp(fame, axis=0).mean() > 4
    assert np.abs(np.diff(fame, axis=0)).max() < 1.5


@pytest.mark.parametrize("name", POISON)
def test_poison_is_poison(name: str) -> None:
    """Each kind becomes a dead letter for the reason that it names, or an event that says what nobody knows."""
    kind = POISON[name]
    parsed = parse_messages(as_batch([kind.make(GOOD)]), "spotify-events", NOON)
    if kind.reason_code is None:
        assert parsed.events["unknown_values"].tolist() == [name.removeprefix("unknown_")]
    else:
        assert parsed.rejects["reason_code"].tolist() == [kind.reason_code]


def test_what_poison_is_made_of_is_good() -> None:
    """The fault is the poison's own: the message that it is made of is an event."""
    assert not isinstance(read_message(json.loads(encode(GOOD))), Reason)


def test_large_poison_has_its_size() -> None:
    """To the byte, as a limit is."""
    assert len(too_large(GOOD, 20_000_000)) == 20_000_000


def test_every_kind_of_poison_is_sent(parsed: ParsedEvents) -> None:
    """In twenty thousand events, each reason has come up, but perhaps the large one."""
    expected = {kind.reason_code for kind in POISON.values()} - {None, "too_large"}
    assert expected <= set(parsed.rejects["reason_code"])
    assert set(parsed.events["unknown_values"].dropna()) >= {"event_type", "country"}
