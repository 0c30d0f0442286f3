from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.images.resample import resample_linear
from segtrail.preprocessing.grid import WorkingGrid

FILE_SHAPE = (6, 9, 7)
FILE_SPACING = (1.5, 0.8, 3.0)
AXIS_ORDERS = [(order, signs) for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]


def file_affine(order, signs):
    affine = np.zeros((4, 4))
    for axis, (world, sign, step) in enumerate(zip(order, signs, FILE_SPACING, strict=True)):
        affine[world, axis] = sign * step
    affine[:, 3] = (5.0, -6.0, 7.0, 1.0)
    return affine


def ras_spacing(order):
    return tuple(FILE_SPACING[order.index(world)] for world in range(3))


def random_labels(n_classes=4):
    return np.random.default_rng(0).integers(0, n_classes, size=FILE_SHAPE).astype(np.uint8)


def one_hot(labels, n_classes=4):
    return np.stack([(labels == value).astype(np.float32) for value in range(n_classes)])


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS)
def test_scores_return_to_the_files_own_grid_voxel_by_voxel(order, signs):
    grid = WorkingGrid.of(file_affine(order, signs), FILE_SHAPE, ras_spacing(order))
    scores = one_hot(grid.reorientation.apply(random_labels()))
    assert scores.shape[1:] == grid.shape
    np.testing.assert_array_equal(grid.labels_on_file_grid(scores), random_labels())


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS[::5])
@pytest.mark.parametrize("refinement", [2, 3])
def test_scores_on_a_finer_grid_return_to_the_files_own_grid_voxel_by_voxel(order, signs, refinement):
    fine_mm = tuple(mm / refinement for mm in ras_spacing(order))
    grid = WorkingGrid.of(file_affine(order, signs), FILE_SHAPE, fine_mm)
    planes = one_hot(grid.reorientation.apply(random_labels()))
    scores = np.stack([resample_linear(plane, grid.step, grid.shape) for plane in planes])
    np.testing.assert_array_equal(grid.labels_on_file_grid(scores), random_labels())


def test_a_block_on_a_coarse_grid_comes_back_at_its_place_and_size():
    grid = WorkingGrid.of(np.diag([1.0, 1.0, 1.0, 1.0]), (41, 41, 41), (2.0, 2.0, 2.0))
    scores = np.zeros((2, *grid.shape), np.float32)
    scores[1, 5:11, 5:11, 5:11] = 1.0
    scores[0] = 1.0 - scores[1]
    labels = grid.labels_on_file_grid(scores)
    assert labels.shape == (41, 41, 41)
    where = np.argwhere(labels)
    assert np.abs(where.mean(axis=0) - 15.0).max() < 0.01
    assert where.min() in (9, 10)
    assert where.max() in (20, 21)


@given(st.sampled_from(AXIS_ORDERS), st.tuples(*[st.floats(0.3, 6.0)] * 3))
def test_any_spacing_returns_a_label_map_of_the_files_shape(axis_order, target_mm):
    grid = WorkingGrid.of(file_affine(*axis_order), FILE_SHAPE, target_mm)
    scores = np.zeros((3, *grid.shape), np.float32)
    scores[2] = 1.0
    labels = grid.labels_on_file_grid(scores)
    np.testing.assert_array_equal(labels, np.full(FILE_SHAPE, 2, np.uint8))
    extent = (np.array(grid.native_shape) - 1) * grid.native_spacing_mm
    assert (np.abs((np.array(grid.shape) - 1) * target_mm - extent) <= np.array(target_mm) / 2 + 1e-9).all()


def test_a_tie_between_scores_goes_to_the_lower_class():
    grid = WorkingGrid.of(np.eye(4), (2, 2, 2), (1.0, 1.0, 1.0))
    assert not grid.labels_on_file_grid(np.full((3, 2, 2, 2), 0.5, np.float32)).any()


def native_voxels(grid, start, size, reach):
    """Select the file's voxels, along RAS, in a box of the working grid and so many working voxels around it."""
    along = []
    for n, step, first, extent, whole in zip(
        grid.native_shape, grid.step, start, size, grid.shape, strict=True
    ):
        place = np.arange(n) / step
        from_low = (place >= first - reach) | (first == 0)
        along.append(from_low & ((place <= first + extent - 1 + reach) | (first + extent == whole)))
    return np.ix_(*along)


@pytest.mark.parametrize(
    "target_mm", [(1.5, 0.8, 3.0), (0.5, 0.4, 1.1), (1.9, 2.3, 3.7), (0.7, 2.0, 6.0)], ids=str
)
@pytest.mark.parametrize("place", ["inside", "at the start", "at the end"])
@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS[::11])
def test_a_box_of_the_grid_gives_what_the_whole_grid_gives_inside_and_background_outside(
    order, signs, target_mm, place
):
    grid = WorkingGrid.of(file_affine(order, signs), (24, 27, 21), target_mm)
    size = np.maximum(np.array(grid.shape) // 2, 1)
    start = {"inside": size // 2, "at the start": size * 0, "at the end": grid.shape - size}[place]
    scores = np.random.default_rng(0).random((3, *grid.shape), dtype=np.float32)
    box = tuple(slice(first, first + n) for first, n in zip(start, size, strict=True))
    part, origin = scores[(slice(None), *box)], tuple(int(first) for first in start)
    inside, outside = native_voxels(grid, start, size, 0.0), np.ones(grid.native_shape, dtype=bool)
    outside[native_voxels(grid, start, size, 0.5)] = False
    assert outside.any()

    labels = grid.reorientation.apply(grid.labels_on_file_grid(part, origin))
    whole = grid.reorientation.apply(grid.labels_on_file_grid(scores))
    assert np.unique(whole[inside]).size == 3
    np.testing.assert_array_equal(labels[inside], whole[inside])
    assert not labels[outside].any()

    maps, whole_maps = (
        np.stack([grid.score_on_file_grid(found, value, first) for value in range(3)])
        for found, first in ((part, origin), (scores, (0, 0, 0)))
    )
    np.testing.assert_array_equal(maps.argmax(axis=0), grid.labels_on_file_grid(part, origin))
    for value in range(3):
        one, other = (grid.reorientation.apply(found[value]) for found in (maps, whole_maps))
        np.testing.assert_allclose(one[inside], other[inside], atol=1e-5)
        assert (one[outside] == (value == 0)).all()
