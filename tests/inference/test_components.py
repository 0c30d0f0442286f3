"""Connected parts of a label map."""

import numpy as np

from segtrail.inference.components import keep_largest_components

NAMES = {0: "background", 1: "ball", 2: "cube"}


def two_balls(second: int) -> np.ndarray:
    labels = np.zeros((30, 10, 10), dtype=np.uint8)
    labels[2:8, 2:8, 2:8] = 1
    labels[20 : 20 + second, 2:8, 2:8] = 1
    return labels


def test_the_largest_part_of_each_class_stays() -> None:
    labels = two_balls(2)
    labels[12:14, 0:2, 0:2] = 2
    labels[16, 9, 9] = 2
    kept, _ = keep_largest_components(labels, NAMES, voxel_ml=0.001)
    assert (kept == 1).sum() == 216
    assert (kept == 2).sum() == 8
    assert (kept <= labels).all()


def test_a_part_of_some_size_that_is_left_out_is_told_of_and_a_speck_is_not() -> None:
    (note,) = keep_largest_components(two_balls(2), NAMES, voxel_ml=0.001)[1]
    assert (note.reason, note.action) == ("other_part", "left_out")
    assert (
        "A second part of ball with 0.072 mL lies apart from the largest one with 0.216 mL" in note.evidence
    )
    speck = two_balls(0)
    speck[25, 5, 5] = 1
    assert keep_largest_components(speck, NAMES, voxel_ml=0.001)[1] == []


def test_parts_that_touch_by_a_corner_are_one() -> None:
    labels = np.zeros((4, 4, 4), dtype=np.uint8)
    labels[:2, :2, :2] = labels[2:, 2:, 2:] = 1
    np.testing.assert_array_equal(keep_largest_components(labels, NAMES, voxel_ml=1.0)[0], labels)


def test_an_empty_map_stays_empty() -> None:
    kept, notes = keep_largest_components(np.zeros((3, 3, 3), dtype=np.uint8), NAMES, voxel_ml=1.0)
    assert not kept.any()
    assert notes == []


def test_of_many_parts_the_largest_are_told_of_one_by_one_and_the_rest_together() -> None:
    labels = np.zeros((100, 4, 4), dtype=np.uint8)
    for number in range(20):
        labels[5 * number : 5 * number + 2, :2, :2] = 1
    notes = keep_largest_components(labels, NAMES, voxel_ml=1.0)[1]
    assert len(notes) == 4
    assert notes[-1].evidence == "16 more parts of ball lie apart, 128 mL in all."
