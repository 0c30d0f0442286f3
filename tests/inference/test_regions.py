"""Where organs are found, and where windows are placed around them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.inference.regions import Box, find_organs, gather, organ_boxes, plan_windows


def scores_of(labels: np.ndarray, n_classes: int = 2, certainty: float = 0.9) -> np.ndarray:
    """Probabilities that say a label map with one certainty."""
    rest = (1 - certainty) / (n_classes - 1)
    return np.stack([np.where(labels == value, certainty, rest) for value in range(n_classes)]).astype(
        np.float32
    )


def box(low, high) -> Box:
    return Box(np.array(low, dtype=float), np.array(high, dtype=float))


def covered(shape, starts, window) -> np.ndarray:
    seen = np.zeros(shape, dtype=bool)
    for start in starts:
        low = np.maximum(start, 0)
        seen[tuple(slice(a, b) for a, b in zip(low, np.add(start, window), strict=True))] = True
    return seen


def test_the_box_of_an_organ_reaches_from_outer_edge_to_outer_edge_in_mm() -> None:
    labels = np.zeros((10, 10, 10), dtype=np.uint8)
    labels[2:5, 3:4, 6:9] = 1
    (found,) = organ_boxes(labels, (2.0, 1.0, 0.5))
    np.testing.assert_allclose(found.low_mm, [3.0, 2.5, 2.75])
    np.testing.assert_allclose(found.high_mm, [9.0, 3.5, 4.25])


def test_volume_and_confidence_are_those_of_the_voxels_found() -> None:
    labels = np.zeros((10, 10, 10), dtype=np.uint8)
    labels[2:5, 2:5, 2:5] = 1
    found = find_organs(scores_of(labels, certainty=0.8), (2.0, 2.0, 2.0))
    assert found.volumes_ml == {1: pytest.approx(27 * 8 / 1000)}
    assert found.confidence == pytest.approx(0.8)


def test_an_island_beside_an_organ_of_its_class_is_left_out() -> None:
    labels = np.zeros((20, 20, 20), dtype=np.uint8)
    labels[2:8, 2:8, 2:8] = 1
    labels[18, 18, 18] = 1
    found = find_organs(scores_of(labels), (1.0, 1.0, 1.0))
    assert len(found.boxes) == 1
    assert found.volumes_ml[1] == pytest.approx(0.216)


def test_two_organs_of_one_class_and_a_small_one_of_another_are_all_found() -> None:
    labels = np.zeros((30, 20, 20), dtype=np.uint8)
    labels[2:8, 2:8, 2:8] = 1
    labels[22:28, 2:8, 2:8] = 1
    labels[15, 15, 15] = 2
    assert len(find_organs(scores_of(labels, 3), (1.0, 1.0, 1.0)).boxes) == 3


def test_nothing_is_found_in_background() -> None:
    found = find_organs(scores_of(np.zeros((6, 6, 6), dtype=np.uint8)), (1.0, 1.0, 1.0))
    assert found.boxes == ()
    assert found.confidence == 0.0
    assert found.peak == pytest.approx(0.1)


def test_boxes_that_fit_into_one_window_are_joined_and_others_are_not() -> None:
    boxes = [box([0, 0, 0], [4, 4, 4]), box([6, 0, 0], [10, 4, 4]), box([60, 0, 0], [64, 4, 4])]
    joined = gather(boxes, np.array([12.0, 12.0, 12.0]))
    assert sorted(float(group.size_mm[0]) for group in joined) == [4.0, 10.0]


def test_a_box_joins_the_group_that_grows_least_by_it() -> None:
    boxes = [box([0, 0, 0], [8, 8, 8]), box([30, 0, 0], [37, 8, 8]), box([20, 0, 0], [22, 2, 2])]
    joined = gather(boxes, np.array([24.0, 24.0, 24.0]))
    assert sorted(float(group.low_mm[0]) for group in joined) == [0.0, 20.0]


def test_a_thousand_boxes_are_joined_into_few_groups_that_hold_them_all() -> None:
    corners = np.random.default_rng(0).uniform(0, 100, size=(1000, 3))
    boxes = [box(corner, corner + 2) for corner in corners]
    joined = gather(boxes, np.full(3, 60.0))
    assert all((group.size_mm <= 60.0).all() for group in joined)
    for small in boxes:
        assert any(
            (group.low_mm <= small.low_mm).all() and (small.high_mm <= group.high_mm).all()
            for group in joined
        )


def test_one_window_is_centred_on_an_organ_that_fits() -> None:
    starts = plan_windows(
        [box([19.5, 19.5, 19.5], [29.5, 29.5, 29.5])], (1, 1, 1), (20, 20, 20), (60, 60, 60), 4, 0.5
    )
    assert starts == [(15, 15, 15)]


def test_a_window_at_the_border_is_moved_into_the_volume() -> None:
    starts = plan_windows(
        [box([-0.5, 50.5, 20], [5, 59.5, 30])], (1, 1, 1), (20, 20, 20), (60, 60, 60), 4, 0.5
    )
    assert starts[0][:2] == (0, 40)


def test_a_volume_smaller_than_the_window_lies_in_its_middle() -> None:
    starts = plan_windows([box([2, 2, 2], [5, 5, 5])], (1, 1, 1), (20, 20, 20), (10, 60, 10), 4, 0.5)
    assert starts == [(-5, 0, -5)]


def test_organs_far_apart_get_a_window_each() -> None:
    boxes = [box([5, 5, 5], [12, 12, 12]), box([80, 5, 5], [88, 12, 12])]
    starts = plan_windows(boxes, (1, 1, 1), (20, 20, 20), (100, 30, 30), 4, 0.5)
    assert len(starts) == 2


spans = st.tuples(st.integers(0, 40), st.integers(1, 55)).map(
    lambda pair: (pair[0], min(pair[0] + pair[1], 60))
)


@given(sides=st.tuples(spans, spans, spans), overlap=st.sampled_from([0.0, 0.25, 0.5]))
def test_windows_hold_all_of_an_organ_of_any_size(sides, overlap) -> None:
    labels = np.zeros((60, 60, 60), dtype=np.uint8)
    labels[tuple(slice(low, high) for low, high in sides)] = 1
    starts = plan_windows(organ_boxes(labels, (1, 1, 1)), (1, 1, 1), (16, 24, 32), labels.shape, 5, overlap)
    assert covered(labels.shape, starts, (16, 24, 32))[labels == 1].all()
