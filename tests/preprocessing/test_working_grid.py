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
