"""Every case stands in a figure; volumes agree as Bland and Altman say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.report.calibration_figure import draw_calibration
from segtrail.report.case_figures import (
    Values,
    VolumePairs,
    agreement_of,
    draw_agreement,
    draw_distributions,
)
from segtrail.report.record_schema import CalibrationBin

VOLUMES = st.lists(st.floats(0.1, 500), min_size=3, max_size=30)


def test_bias_and_limits_are_those_of_the_differences() -> None:
    agreement = agreement_of(VolumePairs("atrium", (10.0, 20.0, 30.0), (11.0, 22.0, 33.0)))
    assert agreement.bias_ml == pytest.approx(2.0)
    assert agreement.limits_ml == pytest.approx((2.0 - 1.96, 2.0 + 1.96))


def test_two_cases_have_a_bias_and_no_limits() -> None:
    assert agreement_of(VolumePairs("atrium", (10.0, 20.0), (11.0, 19.0))).limits_ml is None


@given(VOLUMES, st.floats(-50, 50))
def test_a_constant_error_is_the_bias_and_leaves_no_room_between_the_limits(
    reference: list[float], error: float
) -> None:
    agreement = agreement_of(VolumePairs("organ", reference, [volume + error for volume in reference]))
    assert agreement.limits_ml is not None
    assert agreement.bias_ml == pytest.approx(error, abs=1e-9)
    assert math.isclose(*agreement.limits_ml, abs_tol=1e-9)


def test_each_case_is_a_dot() -> None:
    few = draw_distributions({"Dice": [Values("a", [0.5, 0.6, 0.8])]})
    more = draw_distributions({"Dice": [Values("a", [0.5, 0.6, 0.7, 0.8])]})
    assert more.count(b"<use ") == few.count(b"<use ") + 1


def test_thousands_of_dots_are_drawn_as_pixels() -> None:
    classes = [Values(f"class {number}", [case / 400 for case in range(400)]) for number in range(30)]
    picture = draw_distributions({"Dice": classes, "NSD": classes})
    assert b"image/png" in picture
    assert len(picture) < 1_000_000


def test_the_same_values_give_the_same_bytes() -> None:
    pairs = [VolumePairs(f"class {number}", (10.0, 20.0, 30.0), (11.0, 19.0, 30.0)) for number in range(4)]
    assert draw_agreement(pairs) == draw_agreement(pairs)
    values = {"Dice": [Values("a", [0.5, 0.6])], "HD95 (mm)": [Values("a", [3.0, 4.0])]}
    assert draw_distributions(values) == draw_distributions(values)


@pytest.mark.filterwarnings("error:Glyph")
@pytest.mark.parametrize("name", ["$\\frac{$", "cost $ and $ more", "左心房"])
def test_a_name_is_no_formula_and_may_hold_any_sign(name: str) -> None:
    dollar = b'"#DejaVuSans-7"'  # the glyph of the sign, which is no part of a drawn formula
    bins = [CalibrationBin(voxels=10, mean_probability=0.3, share_of_class=0.4)]
    for figure in (
        draw_distributions({"Dice": [Values(name, [0.8, 0.9])]}),
        draw_agreement([VolumePairs(name, [80.0, 90.0], [82.0, 91.0])]),
        draw_calibration({name: bins}),
    ):
        assert (dollar in figure) == ("$" in name)
