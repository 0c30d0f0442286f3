from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from segtrail.images.geometry import (
    RasReorientation,
    axis_codes,
    is_singular,
    largest_displacement_mm,
    spacing_mm,
)

SHAPE = (4, 3, 5)
AXIS_ORDERS = [(order, signs) for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]


def affine_of(order, signs, spacing=(1.0, 2.0, 3.0), origin=(10.0, -20.0, 30.0), rotation=None):
    matrix = np.eye(4)
    matrix[:3, :3] = 0.0
    for axis, (world, sign, step) in enumerate(zip(order, signs, spacing, strict=True)):
        matrix[world, axis] = sign * step
    if rotation is not None:
        matrix[:3, :3] = rotation @ matrix[:3, :3]
    matrix[:3, 3] = origin
    return matrix


def numbered(shape=SHAPE):
    """A volume whose every voxel holds another number."""
    return np.arange(np.prod(shape)).reshape(shape)


def world_points(affine, shape):
    indices = np.indices(shape).reshape(3, -1)
    return (affine[:3, :3] @ indices).T + affine[:3, 3]


def assert_every_voxel_keeps_its_place(affine):
    reorientation = RasReorientation.of(affine)
    turned = reorientation.apply(numbered())
    new_affine = reorientation.apply_to_affine(affine, SHAPE)
    before = world_points(affine, SHAPE)[np.argsort(numbered().ravel())]
    after = world_points(new_affine, turned.shape)[np.argsort(turned.ravel())]
    np.testing.assert_allclose(after, before, atol=1e-9)
    assert axis_codes(new_affine) == "RAS"


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS)
def test_each_of_the_48_axis_orders_comes_to_ras_and_back(order, signs):
    affine = affine_of(order, signs)
    reorientation = RasReorientation.of(affine)
    np.testing.assert_array_equal(reorientation.undo(reorientation.apply(numbered())), numbered())
    assert_every_voxel_keeps_its_place(affine)


@given(
    st.sampled_from(AXIS_ORDERS),
    st.tuples(*[st.floats(0.2, 5.0)] * 3),
    st.tuples(*[st.floats(-0.35, 0.35)] * 3),
)
def test_oblique_volumes_come_to_ras_and_back(axis_order, spacing, angles):
    affine = affine_of(*axis_order, spacing, rotation=Rotation.from_euler("xyz", angles).as_matrix())
    reorientation = RasReorientation.of(affine)
    np.testing.assert_array_equal(reorientation.undo(reorientation.apply(numbered())), numbered())
    assert_every_voxel_keeps_its_place(affine)


@given(st.tuples(*[st.floats(0.1, 10.0)] * 3), st.tuples(*[st.floats(-3.0, 3.0)] * 3))
def test_spacing_does_not_depend_on_the_rotation(spacing, angles):
    affine = affine_of((0, 1, 2), (1, 1, 1), spacing, rotation=Rotation.from_euler("xyz", angles).as_matrix())
    assert spacing_mm(affine) == pytest.approx(spacing)


@pytest.mark.parametrize(("signs", "codes"), [((1, 1, 1), "RAS"), ((-1, -1, 1), "LPS"), ((-1, 1, -1), "LAI")])
def test_axis_codes_name_where_each_axis_points_to(signs, codes):
    assert axis_codes(affine_of((0, 1, 2), signs)) == codes


@pytest.mark.parametrize("scale", [1.0, 1e-3])
@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS[::7])
def test_a_grid_of_millimetres_or_micrometres_is_not_singular(order, signs, scale):
    assert not is_singular(affine_of(order, signs, (scale, scale * 2, scale * 3)))


@pytest.mark.parametrize("entry", [0.0, np.nan, np.inf])
def test_an_affine_that_places_no_voxel_is_singular(entry):
    affine = affine_of((0, 1, 2), (1, 1, 1))
    affine[2, 2] = entry
    assert is_singular(affine)


@given(st.tuples(*[st.floats(-5.0, 5.0)] * 3))
def test_grids_shifted_by_a_vector_are_its_length_apart(shift):
    first, second = (affine_of((2, 0, 1), (1, -1, 1), origin=origin) for origin in ((0, 0, 0), shift))
    assert largest_displacement_mm(first, second, SHAPE) == pytest.approx(np.linalg.norm(shift))


def test_grids_of_other_spacing_are_farthest_apart_at_the_far_corner():
    first = affine_of((0, 1, 2), (1, 1, 1), (1.0, 1.0, 1.0))
    second = affine_of((0, 1, 2), (1, 1, 1), (1.0, 1.0, 1.5))
    assert largest_displacement_mm(first, second, (10, 10, 21)) == pytest.approx(20 * 0.5)


def test_the_volume_of_a_voxel_is_the_determinant_and_exactly_the_product_where_axes_are_upright():
    from segtrail.images.geometry import shear_factor, voxel_volume_ml

    sheared = np.diag([1.0, 2.0, 3.0, 1.0])
    sheared[0, 1] = 0.8
    assert voxel_volume_ml(sheared) == pytest.approx(0.006)
    turned = np.array([[0, -2.0, 0, 5], [1.25, 0, 0, 3], [0, 0, 1.37, 1], [0, 0, 0, 1]])
    assert shear_factor(turned) == 1.0
