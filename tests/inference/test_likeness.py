"""An image unlike the training images is told, and in what; one like them is not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segtrail.errors import InputError
from segtrail.images.nifti import Volume
from segtrail.images.nifti_header import Placement
from segtrail.inference.likeness import TrainingRange

SHAPE = (10, 20, 30)
SPACING_MM = (1.0, 2.0, 3.0)


def affine_of(spacing=SPACING_MM) -> np.ndarray:
    return np.diag([*spacing, 1.0])


def training_case(side: str = "train", low: float = 0.0, high: float = 100.0, scale: float = 1.0) -> dict:
    percentiles = {"0.5": low, "50": (low + high) / 2, "99.5": high}
    return {
        "side": side,
        "image": {
            "affine": affine_of(np.multiply(SPACING_MM, scale)).tolist(),
            "shape": list(SHAPE),
            "intensity_percentiles": [percentiles],
        },
    }


def known(*cases: dict) -> TrainingRange:
    summary = {"cases": list(cases) or [training_case()], "modality": {"0": "MRI"}}
    return TrainingRange.of_summary(summary, 1)


def image(low=0.0, high=100.0, spacing=SPACING_MM, shape=SHAPE) -> Volume:
    """An image whose 0.5th and 99.5th percentile are `low` and `high`, its median their mean."""
    values = np.full(int(np.prod(shape)), (low + high) / 2, np.float32)
    tenth = values.size // 10
    values[:tenth], values[-tenth:] = low, high
    affine = affine_of(spacing)
    return Volume(values.reshape(1, *shape), affine, "float32", "", Placement.of_affine(affine))


def properties(training: TrainingRange, volume: Volume) -> list[str]:
    return [unlike.property for unlike in training.compare(volume)]


def test_an_image_like_the_training_images_is_not_told_of() -> None:
    assert properties(known(), image()) == []


@pytest.mark.parametrize(("factor", "expected"), [(0.89, True), (0.91, False), (1.09, False), (1.11, True)])
def test_spacing_is_told_beyond_a_tenth_of_the_range(factor: float, expected: bool) -> None:
    volume = image(spacing=(factor * 1.0, 2.0, 3.0))
    assert ("spacing" in properties(known(), volume)) == expected


@pytest.mark.parametrize(("voxels", "expected"), [(14, True), (15, False), (25, False), (26, True)])
def test_extent_is_told_beyond_a_quarter_of_the_range(voxels: int, expected: bool) -> None:
    assert (properties(known(), image(shape=(10, voxels, 30))) == ["extent"]) == expected


@pytest.mark.parametrize(("high", "expected"), [(89, True), (91, False), (129, False), (131, True)])
def test_intensity_is_told_beyond_half_the_width_of_the_range(high: float, expected: bool) -> None:
    training = replace(known(training_case(high=100), training_case(high=120)), contrast=np.zeros(1))
    told = " ".join(unlike.evidence for unlike in training.compare(image(high=high)))
    assert ("99.5th percentile" in told) == expected


def test_one_training_case_leaves_room_for_a_tenth_of_its_contrast() -> None:
    assert properties(known(), image(high=109.0)) == []
    assert properties(known(), image(high=111.0)) == ["intensity"]


def test_the_evidence_names_what_was_found_and_the_range_of_the_training() -> None:
    training = known(training_case(), training_case(scale=1.2))
    (unlike,) = training.compare(image(spacing=(4.0, 2.0, 3.0), shape=(3, 20, 30)))
    assert unlike.evidence == "The spacing in mm along x is 4; in the training images it is 1 to 1.2."


def test_only_training_cases_count() -> None:
    training = known(
        training_case(), training_case(side="val", high=1000.0), training_case(side="unused", scale=9)
    )
    assert properties(training, image(high=900.0)) == ["intensity"]


def test_axes_are_compared_in_space_not_in_the_order_of_the_file() -> None:
    volume = image()
    affine = volume.affine[:, [2, 1, 0, 3]]
    turned = Volume(volume.data.transpose(0, 3, 2, 1), affine, "float32", "", Placement.of_affine(affine))
    assert properties(known(), turned) == []


def test_channels_are_compared_each_with_its_own() -> None:
    case = training_case()
    case["image"]["intensity_percentiles"] = [
        {"0.5": 0, "50": 50, "99.5": 100},
        {"0.5": 0, "50": 500, "99.5": 1000},
    ]
    training = TrainingRange.of_summary({"cases": [case], "modality": {"0": "T1", "1": "T2"}}, 2)
    one = image()
    both = Volume(np.concatenate([one.data, one.data]), one.affine, "float32", "", one.placement)
    (unlike,) = training.compare(both)
    assert "channel 1 (T2)" in unlike.evidence


@pytest.mark.parametrize(
    "summary",
    [{}, {"cases": [], "modality": {}}, {"cases": [{"side": "train"}], "modality": {}}, {"cases": 1}],
    ids=str,
)
def test_a_damaged_summary_is_refused_with_a_sentence(summary: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="does not describe its training cases"):
        TrainingRange.of_summary(summary, 1)


def test_a_summary_of_other_channels_is_refused() -> None:
    with pytest.raises(InputError, match="1 channels, where the network takes 2"):
        TrainingRange.of_summary({"cases": [training_case()], "modality": {"0": "MRI"}}, 2)


@pytest.mark.parametrize("factor", [0.001, 0.1, 10.0, 1000.0])
def test_a_spacing_in_another_unit_is_refused(factor: float) -> None:
    volume = image(spacing=tuple(factor * mm for mm in SPACING_MM))
    with pytest.raises(InputError, match="in another unit"):
        known().refuse_other_units(volume.affine, volume.spatial_shape)


@pytest.mark.parametrize("spacing", [SPACING_MM, (0.4, 0.4, 20.0), (5.0, 9.0, 12.0), (0.1, 0.1, 3.0)])
def test_a_spacing_that_a_scanner_may_give_is_not_refused(spacing) -> None:
    volume = image(spacing=spacing)
    known().refuse_other_units(volume.affine, volume.spatial_shape)
