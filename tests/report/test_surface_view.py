import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segtrail.report.surface_view import DIRECTIONS, SeenSurface, view_surfaces

SHAPE = (30, 40, 24)
SPACING_MM = (2.0, 1.5, 2.5)
NOTHING = np.zeros(SHAPE, np.uint8)


def box(x: slice, y: slice, z: slice, label: int = 1) -> np.ndarray:
    volume = np.zeros(SHAPE, np.uint8)
    volume[x, y, z] = label
    return volume


ORGAN = box(slice(8, 20), slice(10, 28), slice(6, 16))


def ball(radius_mm: float, shape: tuple[int, int, int] = (64, 64, 64)) -> np.ndarray:
    steps = np.meshgrid(*(np.arange(n) - n / 2 for n in shape), indexing="ij")
    return (np.linalg.norm(steps, axis=0) <= radius_mm).astype(np.uint8)


def seen_distances(surface: SeenSurface) -> np.ndarray:
    return np.concatenate([image.distance_mm[image.labels > 0] for image in surface.images.values()])


def middle_distance(surface: SeenSurface, name: str) -> float:
    """The distance in the middle of what is seen."""
    image = surface.images[name]
    row, column = np.argwhere(image.labels > 0).mean(axis=0).astype(int)
    return float(image.distance_mm[row, column])


def test_a_larger_ball_lies_outside_everywhere_by_the_difference_of_the_radii() -> None:
    view = view_surfaces(ball(20), ball(23), (1.0, 1.0, 1.0), {1})
    for surface in (view.prediction, view.reference):
        assert seen_distances(surface) == pytest.approx(3.0, abs=0.8)
        assert np.mean(seen_distances(surface)) == pytest.approx(3.0, abs=0.2)
        assert surface.percent_outside(2.0) > 99
        assert surface.percent_inside(0.0) == 0


def test_a_smaller_ball_lies_inside_everywhere() -> None:
    view = view_surfaces(ball(23), ball(20), (1.0, 1.0, 1.0), {1})
    for surface in (view.prediction, view.reference):
        assert np.mean(seen_distances(surface)) == pytest.approx(-3.0, abs=0.2)
        assert surface.percent_inside(2.0) > 99


@pytest.mark.parametrize(("axis", "high", "low"), [(0, "right", "left"), (1, "anterior", "posterior")])
def test_a_shift_is_too_large_on_one_side_and_too_small_on_the_other(axis: int, high: str, low: str) -> None:
    view = view_surfaces(ORGAN, np.roll(ORGAN, 2, axis), SPACING_MM, {1})
    shift_mm = 2 * SPACING_MM[axis]
    for surface in (view.prediction, view.reference):
        assert middle_distance(surface, high) == pytest.approx(shift_mm, abs=0.4)
        assert middle_distance(surface, low) == pytest.approx(-shift_mm, abs=0.4)


def test_a_surface_has_its_size_in_mm_from_every_side() -> None:
    view = view_surfaces(ORGAN, ORGAN, SPACING_MM, {1})
    size_mm = (24.0, 27.0, 25.0)
    for direction in DIRECTIONS:
        rows, columns = np.nonzero(view.prediction.images[direction.name].labels)
        assert np.ptp(rows) * view.pixel_mm == pytest.approx(size_mm[direction.up], abs=0.8)
        assert np.ptp(columns) * view.pixel_mm == pytest.approx(size_mm[direction.across], abs=0.8)


def test_each_view_shows_its_side_with_the_others_where_its_letters_stand() -> None:
    """A body with another class on every side: its name is the first letter of where it lies."""
    sides = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    body = np.zeros((40, 40, 40), np.uint8)
    body[12:28, 12:28, 12:28] = 7
    for label, (axis, end) in enumerate(sides.values(), start=1):
        index = [slice(17, 23)] * 3
        index[axis] = slice(28, 34) if end > 0 else slice(6, 12)
        body[tuple(index)] = label
    view = view_surfaces(body, body, (1.0, 1.0, 1.0), set(range(1, 8)))
    names = dict(enumerate(sides, start=1))
    for direction in DIRECTIONS:
        labels = view.prediction.images[direction.name].labels
        rows, columns = (np.flatnonzero(labels.any(axis=axis)) for axis in (1, 0))
        middle_row, middle_column = int(np.mean(rows)), int(np.mean(columns))
        assert names[labels[middle_row, middle_column]] == direction.name[0].upper()
        ends = (
            labels[middle_row, columns[[0, -1]]],
            labels[rows[[0, -1]], middle_column],
        )
        assert tuple(names[label] for pair in ends for label in pair) == direction.letters


def test_what_lies_behind_is_not_seen() -> None:
    both = box(slice(4, 10), slice(10, 30), slice(4, 20)) + box(
        slice(16, 19), slice(18, 22), slice(10, 14), 2
    )
    view = view_surfaces(both, both, SPACING_MM, {1, 2})
    assert 2 in view.prediction.images["right"].labels
    assert 2 not in view.prediction.images["left"].labels


@pytest.mark.parametrize("n_voxels", [30, 700])
def test_a_single_voxel_far_away_is_seen_and_counts_as_too_large(n_voxels: int) -> None:
    reference = np.zeros((n_voxels, 20, 20), np.uint8)
    reference[2, 5:9, 5:9] = 1
    prediction = reference.copy()
    prediction[n_voxels - 3, 10, 10] = 1
    image = view_surfaces(reference, prediction, (1.0, 1.0, 1.0), {1}).prediction.images["right"]
    # Small as it is, it hides a part of what lies behind it, or lies beside it.
    assert np.nanmax(image.distance_mm) > 5.0


def test_classes_are_compared_with_themselves_alone() -> None:
    reference = ORGAN + box(slice(20, 26), slice(10, 28), slice(6, 16), 2)
    exchanged = np.where(reference > 0, 3 - reference, 0).astype(np.uint8)
    view = view_surfaces(reference, exchanged, SPACING_MM, {1, 2})
    assert view.prediction.percent_outside(2.0) > 30
    assert view_surfaces(reference, reference, SPACING_MM, {1, 2}).prediction.percent_outside(2.0) == 0


def test_a_class_in_one_map_alone_has_no_distance() -> None:
    view = view_surfaces(ORGAN, ORGAN * 2, SPACING_MM, {1, 2})
    assert view.prediction.uncompared == (2,)
    assert view.reference.uncompared == (1,)
    assert np.isnan(seen_distances(view.prediction)).all()
    assert view.prediction.percent_outside(0.0) == 0


def test_an_empty_prediction_shows_nothing_and_the_reference_all_the_same() -> None:
    view = view_surfaces(ORGAN, NOTHING, SPACING_MM, {1})
    assert view.prediction.labels == set()
    assert view.reference.labels == {1}


def test_nothing_is_seen_of_labels_that_are_no_classes() -> None:
    assert view_surfaces(ORGAN, ORGAN, SPACING_MM, {2}) is None
    assert view_surfaces(NOTHING, NOTHING, SPACING_MM, {1}) is None


def test_maps_of_unequal_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(30, 40, 24\) and prediction \(30, 40, 23\)"):
        view_surfaces(ORGAN, ORGAN[..., 1:], SPACING_MM, {1})


PLACES = st.tuples(*(st.integers(0, 6) for _ in range(3)))
SIZES = st.tuples(*(st.integers(1, 6) for _ in range(3)))
SPACINGS = st.tuples(*(st.floats(0.5, 2.0) for _ in range(3)))


@settings(max_examples=15, deadline=None)
@given(PLACES, SIZES, PLACES, SIZES, SPACINGS)
def test_exchanging_prediction_and_reference_turns_the_sign_alone(
    first, one_size, second, other_size, spacing
) -> None:
    maps = []
    for place, size in ((first, one_size), (second, other_size)):
        labels = np.zeros((12, 12, 12), np.uint8)
        labels[tuple(slice(start, start + n) for start, n in zip(place, size, strict=True))] = 1
        maps.append(labels)
    view, exchanged = view_surfaces(*maps, spacing, {1}), view_surfaces(*maps[::-1], spacing, {1})
    for name, image in view.prediction.images.items():
        other = exchanged.reference.images[name]
        assert (image.labels == other.labels).all()
        np.testing.assert_array_equal(image.distance_mm, -other.distance_mm)
        assert image.labels.any()
        assert np.isfinite(image.distance_mm[image.labels > 0]).all()
        assert ((image.shade >= 0) & (image.shade <= 1)).all()
