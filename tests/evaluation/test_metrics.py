import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.meandice import compute_dice as monai_compute_dice
from monai.metrics.surface_dice import compute_surface_dice
from monai.metrics.surface_distance import compute_average_surface_distance
from scipy import ndimage
from scipy.spatial.distance import cdist

from segtrail.evaluation.metrics import (
    compute_class_metrics,
    compute_dice,
    compute_volume_ml,
    metric_definitions,
    nsd_column,
)
from segtrail.evaluation.surface_distance import compute_nsd, measure_surface_distances

ANISOTROPIC_MM = (1.25, 0.8, 3.0)
TOLERANCES_MM = (1.0, 2.5)


def box_mask(shape, start, stop):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return mask


def voxel_mask(shape, *positions):
    mask = np.zeros(shape, dtype=bool)
    for position in positions:
        mask[position] = True
    return mask


def ball_mask(shape, spacing_mm, radius_mm):
    centred = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing_mm, strict=True)]
    x, y, z = np.meshgrid(*centred, indexing="ij")
    return np.sqrt(x**2 + y**2 + z**2) <= radius_mm


def random_blob(seed, shape=(30, 26, 20), share=0.2):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0)
    return smooth > np.quantile(smooth, 1 - share)


def score(prediction, reference, spacing_mm=(1.0, 1.0, 1.0), tolerances_mm=TOLERANCES_MM):
    return compute_class_metrics(prediction, reference, spacing_mm, tolerances_mm)


def surface_metrics(metrics):
    return [metrics.dice, *metrics.nsd.values(), metrics.hd95_mm, metrics.assd_mm]


@pytest.mark.parametrize(("axis", "shift"), [(0, 1), (0, 3), (1, 4), (2, 1), (2, 2)])
def test_boxes_shifted_by_some_voxels_are_that_many_spacings_apart(axis, shift):
    start, stop = [5, 5, 5], [17, 17, 17]
    reference = box_mask((24, 24, 24), start, stop)
    metrics = score(np.roll(reference, shift, axis), reference, ANISOTROPIC_MM)
    assert metrics.hd95_mm == pytest.approx(shift * ANISOTROPIC_MM[axis])
    assert metrics.dice == pytest.approx((12 - shift) / 12)
    assert metrics.volume_error_ml == 0.0


@pytest.mark.parametrize("gap", [1, 4])
def test_parallel_slabs_one_voxel_thick_are_one_distance_apart_everywhere(gap):
    reference = box_mask((12, 9, 7), (3, 0, 0), (4, 9, 7))
    distance_mm = gap * ANISOTROPIC_MM[0]
    metrics = score(
        np.roll(reference, gap, axis=0), reference, ANISOTROPIC_MM, (distance_mm - 0.01, distance_mm)
    )
    assert metrics.hd95_mm == pytest.approx(distance_mm)
    assert metrics.assd_mm == pytest.approx(distance_mm)
    assert list(metrics.nsd.values()) == [0.0, 1.0]


def test_single_voxels_are_the_euclidean_distance_of_their_centres_apart():
    metrics = score(voxel_mask((9, 9, 9), (1, 2, 3)), voxel_mask((9, 9, 9), (5, 8, 4)), ANISOTROPIC_MM)
    expected_mm = math.sqrt((4 * 1.25) ** 2 + (6 * 0.8) ** 2 + (1 * 3.0) ** 2)
    assert metrics.hd95_mm == pytest.approx(expected_mm)
    assert metrics.assd_mm == pytest.approx(expected_mm)
    assert metrics.dice == 0.0


@pytest.mark.parametrize(("inner_mm", "outer_mm"), [(12.0, 14.5), (10.0, 16.0)])
def test_concentric_balls_are_the_difference_of_their_radii_apart_to_within_a_voxel(inner_mm, outer_mm):
    spacing_mm = (1.0, 1.0, 0.8)
    inner = ball_mask((40, 40, 48), spacing_mm, inner_mm)
    outer = ball_mask((40, 40, 48), spacing_mm, outer_mm)
    metrics = score(inner, outer, spacing_mm)
    assert metrics.hd95_mm == pytest.approx(outer_mm - inner_mm, abs=1.0)
    assert metrics.assd_mm == pytest.approx(outer_mm - inner_mm, abs=0.5)
    assert metrics.volume_error_percent == pytest.approx(100 * ((inner_mm / outer_mm) ** 3 - 1), abs=1.5)


def test_hd95_is_the_larger_direction_with_a_linearly_interpolated_percentile():
    # From the prediction's voxels 0, 0, 0 and 10 mm: rank 0.95 * 3 = 2.85, so 85 % of the way from 0 to 10.
    reference = voxel_mask((16, 1, 1), (0, 0, 0), (2, 0, 0), (4, 0, 0))
    prediction = voxel_mask((16, 1, 1), (0, 0, 0), (2, 0, 0), (4, 0, 0), (14, 0, 0))
    assert score(prediction, reference).hd95_mm == pytest.approx(8.5)
    assert score(reference, prediction).hd95_mm == pytest.approx(8.5)


def test_assd_is_the_mean_over_both_surfaces_pooled():
    reference = voxel_mask((16, 1, 1), (0, 0, 0))
    prediction = voxel_mask((16, 1, 1), (0, 0, 0), (2, 0, 0), (7, 0, 0))
    assert score(prediction, reference).assd_mm == pytest.approx((0 + 0 + 2 + 7) / 4)


def test_identical_masks_score_perfectly():
    blob = random_blob(1)
    metrics = score(blob, blob, ANISOTROPIC_MM, (0.0, 1.0))
    assert surface_metrics(metrics) == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert (metrics.volume_error_ml, metrics.volume_error_percent, metrics.status) == (0.0, 0.0, "ok")


def test_voxels_at_the_edge_of_the_image_are_boundary():
    # The full image's boundary is its shell of 98 voxels; six of them lie 2 mm from the centre, none nearer.
    full, centre = np.ones((5, 5, 5), dtype=bool), voxel_mask((5, 5, 5), (2, 2, 2))
    distances = measure_surface_distances(full, centre, (1.0, 1.0, 1.0))
    assert distances.prediction_to_reference_mm.size == 98
    assert distances.reference_to_prediction_mm.tolist() == [2.0]
    assert compute_nsd(distances, 2.0) == pytest.approx(7 / 99)
    assert compute_nsd(distances, 1.9) == 0.0


def test_the_boundary_is_made_by_face_neighbours_not_by_diagonal_ones():
    # A 3x3x3 box less one corner: its centre has all six face neighbours, so it stays inside.
    box = box_mask((5, 5, 5), (1, 1, 1), (4, 4, 4))
    box[1, 1, 1] = False
    assert measure_surface_distances(box, box, (1.0, 1.0, 1.0)).prediction_to_reference_mm.size == 25


def test_volumes_and_their_error_are_in_millilitres_and_predicted_minus_reference():
    reference = box_mask((20, 20, 20), (0, 0, 0), (10, 10, 10))
    prediction = box_mask((20, 20, 20), (0, 0, 0), (10, 10, 8))
    metrics = score(prediction, reference, (2.0, 2.0, 2.5))
    assert metrics.reference_volume_ml == pytest.approx(10.0)
    assert metrics.predicted_volume_ml == pytest.approx(8.0)
    assert metrics.volume_error_ml == pytest.approx(-2.0)
    assert metrics.volume_error_percent == pytest.approx(-20.0)
    assert compute_volume_ml(reference, (1.0, 1.0, 1.0)) == pytest.approx(1.0)


def test_a_distance_equal_to_the_tolerance_is_within_it_despite_single_precision_spacing():
    spacing_mm = tuple(np.array([0.1, 0.1, 0.1], dtype=np.float32))
    metrics = score(
        voxel_mask((30, 3, 3), (2, 1, 1)), voxel_mask((30, 3, 3), (22, 1, 1)), spacing_mm, (1.99, 2.0)
    )
    assert list(metrics.nsd.values()) == [0.0, 1.0]


def test_a_class_in_neither_mask_is_left_out_with_every_metric_undefined():
    empty = np.zeros((4, 5, 6), dtype=bool)
    metrics = score(empty, empty)
    assert metrics.status == "left_out"
    assert all(math.isnan(value) for value in metrics.by_column().values())
    assert math.isnan(compute_dice(empty, empty))


@pytest.mark.requirement("RES-03")
def test_a_missed_class_scores_zero_and_the_diagonal_of_the_image():
    reference = box_mask((30, 40, 10), (3, 3, 3), (7, 7, 7))
    metrics = score(np.zeros_like(reference), reference, (1.0, 1.0, 12.0))
    assert metrics.status == "missed"
    assert surface_metrics(metrics) == pytest.approx([0.0, 0.0, 0.0, 130.0, 130.0])
    assert metrics.volume_error_percent == -100.0


def test_a_class_predicted_where_there_is_none_is_a_false_positive_without_a_relative_error():
    prediction = voxel_mask((30, 40, 10), (3, 3, 3))
    metrics = score(prediction, np.zeros_like(prediction), (1.0, 1.0, 12.0))
    assert metrics.status == "false_positive"
    assert surface_metrics(metrics) == pytest.approx([0.0, 0.0, 0.0, 130.0, 130.0])
    assert metrics.volume_error_ml == pytest.approx(0.012)
    assert math.isnan(metrics.volume_error_percent)


def test_surface_distances_of_an_empty_mask_are_refused():
    mask = voxel_mask((4, 4, 4), (1, 1, 1))
    with pytest.raises(ValueError, match="at least one mask is empty"):
        measure_surface_distances(mask, np.zeros_like(mask), (1.0, 1.0, 1.0))


@pytest.mark.requirement("RES-02")
@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize("seed", range(4))
def test_metrics_equal_those_of_monai_on_random_blobs(seed):
    prediction, reference = random_blob(seed), random_blob(seed) & ~random_blob(seed + 100, share=0.1)
    metrics = score(prediction, reference, ANISOTROPIC_MM)

    one_hot = [torch.from_numpy(np.stack([~mask, mask])[None]) for mask in (prediction, reference)]
    hd95_mm = compute_hausdorff_distance(*one_hot, percentile=95, spacing=ANISOTROPIC_MM)
    assd_mm = compute_average_surface_distance(*one_hot, symmetric=True, spacing=ANISOTROPIC_MM)
    dice = monai_compute_dice(*one_hot, include_background=False)
    nsd = [compute_surface_dice(*one_hot, [t], spacing=ANISOTROPIC_MM).item() for t in TOLERANCES_MM]

    expected = [dice.item(), *nsd, hd95_mm.item(), assd_mm.item()]
    # MONAI ranks its percentile in single precision, so that the interpolation differs in the fifth digit.
    assert surface_metrics(metrics) == pytest.approx(expected, rel=1e-4)
    assert 0 < metrics.assd_mm < metrics.hd95_mm


def every_pairwise_distance_mm(prediction, reference, spacing_mm):
    """Both directed distances from a table of all pairs in the whole, uncropped image."""
    points = [
        np.argwhere(mask & ~ndimage.binary_erosion(mask)) * spacing_mm for mask in (prediction, reference)
    ]
    table = cdist(*points)
    return table.min(axis=1), table.min(axis=0)


def assert_distances_equal_every_pair(prediction, reference, spacing_mm):
    distances = measure_surface_distances(prediction, reference, spacing_mm)
    to_reference, to_prediction = every_pairwise_distance_mm(prediction, reference, spacing_mm)
    np.testing.assert_allclose(distances.prediction_to_reference_mm, to_reference, atol=1e-9)
    np.testing.assert_allclose(distances.reference_to_prediction_mm, to_prediction, atol=1e-9)


@pytest.mark.parametrize(
    "start", [(0, 0, 0), (12, 9, 8), (24, 18, 16)], ids=["corner", "middle", "far corner"]
)
def test_cropping_does_not_change_the_distances(start):
    blobs = [random_blob(seed, shape=(10, 9, 8)) for seed in (5, 6)]
    prediction, reference = (np.zeros((34, 27, 24), dtype=bool) for _ in range(2))
    inside = tuple(slice(a, a + n) for a, n in zip(start, (10, 9, 8), strict=True))
    prediction[inside], reference[inside] = blobs
    assert_distances_equal_every_pair(prediction, reference, ANISOTROPIC_MM)


def test_memory_order_does_not_change_the_metrics():
    prediction, reference = random_blob(7), random_blob(8)
    assert score(np.asfortranarray(prediction), reference) == score(prediction, reference)


@st.composite
def mask_pairs(draw):
    shape = draw(st.tuples(*[st.integers(1, 6)] * 3))
    masks = hypothesis_numpy.arrays(np.bool_, shape)
    nonempty = masks.filter(np.any)
    return draw(nonempty), draw(nonempty)


spacings = st.tuples(*[st.floats(0.3, 5.0)] * 3)
pairs_with_spacing = given(pair=mask_pairs(), spacing_mm=spacings)
few_examples = settings(max_examples=60, deadline=None)


@pytest.mark.requirement("RES-02")
@few_examples
@pairs_with_spacing
def test_distances_of_any_masks_equal_those_from_every_pair_of_voxels(pair, spacing_mm):
    assert_distances_equal_every_pair(*pair, spacing_mm)


@few_examples
@pairs_with_spacing
def test_exchanging_the_masks_changes_only_the_sign_of_the_volume_error(pair, spacing_mm):
    prediction, reference = pair
    forth, back = score(prediction, reference, spacing_mm), score(reference, prediction, spacing_mm)
    assert surface_metrics(forth) == pytest.approx(surface_metrics(back))
    assert forth.volume_error_ml == -back.volume_error_ml


@few_examples
@given(
    pair=mask_pairs(),
    spacing_mm=spacings,
    tolerances_mm=st.lists(st.floats(0, 20), min_size=2, max_size=5, unique=True),
)
def test_shares_lie_between_0_and_1_and_nsd_grows_with_the_tolerance(pair, spacing_mm, tolerances_mm):
    metrics = score(*pair, spacing_mm, sorted(tolerances_mm))
    nsd = list(metrics.nsd.values())
    assert nsd == sorted(nsd)
    assert all(0.0 <= share <= 1.0 for share in [metrics.dice, *nsd])


@few_examples
@given(pair=mask_pairs(), spacing_mm=spacings, axes=st.sets(st.integers(0, 2), min_size=1))
def test_flipping_both_masks_changes_nothing(pair, spacing_mm, axes):
    flipped = [np.flip(mask, tuple(axes)) for mask in pair]
    assert surface_metrics(score(*flipped, spacing_mm)) == pytest.approx(
        surface_metrics(score(*pair, spacing_mm))
    )


@few_examples
@given(pair=mask_pairs(), spacing_mm=spacings, offset=st.tuples(*[st.integers(0, 4)] * 3))
def test_moving_both_masks_changes_nothing(pair, spacing_mm, offset):
    moved = [np.pad(mask, [(before, 4 - before) for before in offset]) for mask in pair]
    assert surface_metrics(score(*moved, spacing_mm)) == pytest.approx(
        surface_metrics(score(*pair, spacing_mm))
    )


@few_examples
@pairs_with_spacing
def test_no_distance_reaches_what_a_missed_class_is_given(pair, spacing_mm):
    prediction, reference = pair
    found = score(prediction, reference, spacing_mm)
    missed = score(np.zeros_like(reference), reference, spacing_mm)
    assert found.hd95_mm < missed.hd95_mm
    assert found.assd_mm < missed.assd_mm


def test_masks_of_unlike_shape_are_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"\(4, 4, 4\) and the reference \(4, 4, 5\)"):
        score(np.ones((4, 4, 4), dtype=bool), np.ones((4, 4, 5), dtype=bool))


def test_masks_that_are_not_three_dimensional_are_refused():
    with pytest.raises(ValueError, match="three dimensions"):
        score(np.ones((4, 4), dtype=bool), np.ones((4, 4), dtype=bool))


def test_a_label_map_in_place_of_a_mask_is_refused():
    mask = np.ones((4, 4, 4), dtype=bool)
    with pytest.raises(ValueError, match="The reference has dtype uint8, but a boolean mask is expected"):
        score(mask, mask.astype(np.uint8))


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0), (1.0, 0.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, math.nan)])
def test_a_spacing_that_is_not_three_positive_numbers_is_refused(spacing_mm):
    mask = np.ones((4, 4, 4), dtype=bool)
    with pytest.raises(ValueError, match="three positive, finite numbers of millimetres"):
        score(mask, mask, spacing_mm)


@pytest.mark.parametrize("tolerance_mm", [-1.0, math.inf, math.nan])
def test_a_tolerance_that_is_negative_or_not_finite_is_refused(tolerance_mm):
    mask = np.ones((4, 4, 4), dtype=bool)
    with pytest.raises(ValueError, match="tolerance of the NSD"):
        score(mask, mask, tolerances_mm=(tolerance_mm,))


@pytest.mark.parametrize(
    ("tolerance_mm", "column"),
    [(1, "nsd_1mm"), (2.0, "nsd_2mm"), (1.5, "nsd_1.5mm"), (0.1, "nsd_0.1mm"), (10, "nsd_10mm")],
)
def test_a_tolerance_is_written_as_shortly_as_it_can_be(tolerance_mm, column):
    assert nsd_column(tolerance_mm) == column


@pytest.mark.requirement("RES-01")
def test_every_reported_number_has_a_definition_in_the_order_of_the_columns():
    blob = random_blob(3)
    columns = list(score(blob, blob, tolerances_mm=(1.0, 1.5)).by_column())
    assert columns == list(metric_definitions((1.0, 1.5)))
    assert columns == [
        "dice",
        "nsd_1mm",
        "nsd_1.5mm",
        "hd95_mm",
        "assd_mm",
        "reference_volume_ml",
        "predicted_volume_ml",
        "volume_error_ml",
        "volume_error_percent",
    ]


@pytest.mark.parametrize("column", ["nsd_1.5mm", "hd95_mm", "assd_mm"])
def test_the_definition_of_a_distance_metric_states_its_boundary_and_empty_mask_rules(column):
    definition = metric_definitions((1.5,))[column].definition
    assert "six face neighbours" in definition
    assert "exactly one mask is empty" in definition
    assert "both masks are empty" in definition


def test_definitions_state_the_percentile_rule_and_the_tolerance():
    definitions = metric_definitions((1.5,))
    assert "95th percentiles (linear interpolation)" in definitions["hd95_mm"].definition
    assert "at most 1.5 mm" in definitions["nsd_1.5mm"].definition


def test_definitions_say_where_a_good_value_lies():
    better = {column: definition.better for column, definition in metric_definitions((1.0,)).items()}
    assert better == {
        "dice": "higher",
        "nsd_1mm": "higher",
        "hd95_mm": "lower",
        "assd_mm": "lower",
        "reference_volume_ml": None,
        "predicted_volume_ml": None,
        "volume_error_ml": "zero",
        "volume_error_percent": "zero",
    }
