"""Positions are completed in either system, and the nearest place is the one that a search by hand finds."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.chicago_crimes.crimes.positions import COORDINATES, as_degrees, as_feet, complete_positions, find_nearest

# Few distinct ones, so that positions repeat and several places are equally near.
POINTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=40)
_METRES_PER_FOOT = 1200 / 3937


def _frame(points: list[tuple[int, int]]) -> pd.DataFrame:
    return pd.DataFrame(points, columns=["x_ft", "y_ft"], dtype="float64")


@given(places=POINTS.filter(bool), positions=POINTS)
def test_nearest_place_is_the_first_of_the_equally_near(places: list[tuple[int, int]], positions: list[tuple[int, int]]) -> None:
    """However often a position occurs, it gets the place with the smallest distance, and of several such the one given first."""
    row, distance_m = find_nearest(_frame(places), _frame(positions))
    distances_ft = [[np.hypot(x - east, y - north) for east, north in places] for x, y in positions]
    assert row.tolist() == [distances.index(min(distances)) for distances in distances_ft]
    assert distance_m.tolist() == [min(distances) * _METRES_PER_FOOT for distances in distances_ft]


def test_distances_are_those_of_a_search_tree_to_the_last_bit() -> None:
    """Distances are features of saved models, whose predictions must not move."""
    from scipy.spatial import cKDTree

    generator = np.random.default_rng(3)
    places, positions = (
        pd.DataFrame({"x_ft": generator.uniform(1.1e6, 1.2e6, rows), "y_ft": generator.integers(1_814_000, 1_951_000, rows)})
        for rows in (22, 500)
    )
    distance_ft, row = cKDTree(places.to_numpy()).query(positions.to_numpy())
    found_row, found_m = find_nearest(places, positions)
    assert (found_row == row).all()
    assert (found_m == distance_ft * _METRES_PER_FOOT).all()


def test_projection_there_and_back_is_the_same_place() -> None:
    """The two systems are each other's inverse to a hundredth of a foot."""
    feet = _frame([(1_176_000, 1_890_000), (1_100_000, 1_950_000)])
    degrees = pd.DataFrame(as_degrees(feet), columns=["longitude_deg", "latitude_deg"])
    assert np.abs(as_feet(degrees) - feet.to_numpy()).max() < 0.01


def test_positions_are_completed_row_by_row_whatever_the_index() -> None:
    """Rows that share an index label, as after a concatenation, do not get each other's position."""
    both = _frame([(1_176_000, 1_890_000), (1_150_000, 1_900_000)])
    both[["longitude_deg", "latitude_deg"]] = as_degrees(both)
    given_in_part = both[COORDINATES].set_axis([7, 7])
    given_in_part.iloc[0, :2] = np.nan
    given_in_part.iloc[1, 2:] = np.nan
    completed = complete_positions(given_in_part)
    assert completed.index.tolist() == [7, 7]
    assert np.abs(completed.to_numpy() - both[COORDINATES].to_numpy()).max() < 0.01
