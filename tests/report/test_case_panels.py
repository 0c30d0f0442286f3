from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segtrail.inference.regions import Box
from segtrail.report.case_panels import (
    PREDICTION_COLOUR,
    REFERENCE_COLOUR,
    SECOND_COLOUR,
    draw_case_panel,
    draw_compared_panel,
)
from segtrail.report.case_text import ClassScores, alt_text, caption
from segtrail.report.case_view import choose_view
from segtrail.report.region_outline import outline_in_plane

pytestmark = pytest.mark.usefixtures("drawn_anew")

SHAPE = (40, 48, 30)
SPACING_MM = (2.0, 2.0, 4.0)
CLASSES = {0: "background", 1: "left atrium"}
SCORES = [ClassScores("left atrium", 0.9123, 4.5, 81.24, 78.96)]


def box(x: slice, y: slice, z: slice, label: int = 1) -> np.ndarray:
    volume = np.zeros(SHAPE, np.uint8)
    volume[x, y, z] = label
    return volume


# 40 mm along every axis.
ORGAN = box(slice(6, 26), slice(20, 40), slice(12, 22))
NOTHING = np.zeros(SHAPE, np.uint8)


def panel_pixels(path: Path) -> list[np.ndarray]:
    """The three planes of a picture without its legend, as RGB."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return np.array_split(pixels[: int(pixels.shape[0] * 0.9)], 3, axis=1)


def coloured(pixels: np.ndarray, colour: str) -> np.ndarray:
    wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return np.argwhere(np.abs(pixels - wanted).sum(axis=2) < 30)


def draw(path: Path, image=None, reference=ORGAN, prediction=NOTHING, **options) -> Path:
    image = np.zeros(SHAPE, np.float32) if image is None else image
    draw_case_panel(path, image, reference, prediction, SPACING_MM, CLASSES, **options)
    return path


def test_each_plane_cuts_the_reference_where_it_is_largest():
    reference = ORGAN.copy()
    reference[10, 22, 2] = 1
    assert choose_view(reference, NOTHING, SPACING_MM).slices == (10, 22, 17)


def test_a_small_class_draws_the_planes_to_where_both_classes_show():
    reference = ORGAN.copy()
    reference[20:23, 30:33, 15:18] = 2
    x, y, z = choose_view(reference, NOTHING, SPACING_MM).slices
    assert 20 <= x < 23
    assert 30 <= y < 33
    assert 15 <= z < 18


def test_an_empty_reference_leaves_the_choice_to_the_prediction():
    view = choose_view(NOTHING, ORGAN, SPACING_MM)
    assert all(ORGAN.take(index, axis).any() for axis, index in enumerate(view.slices))


def test_without_any_label_the_middle_of_the_volume_is_shown(tmp_path):
    assert choose_view(NOTHING, NOTHING, SPACING_MM).slices == (20, 24, 15)
    assert draw(tmp_path / "panel.png", reference=NOTHING).stat().st_size > 0


def test_the_field_holds_the_organ_with_a_margin_and_stays_in_the_image():
    view = choose_view(ORGAN, NOTHING, SPACING_MM)
    low, high = np.array([12.0, 40.0, 48.0]), np.array([52.0, 80.0, 88.0])
    start = np.array(view.field_start_mm)
    assert view.field_side_mm == pytest.approx(90.0)
    assert (start <= low).all()
    assert (start + view.field_side_mm >= high).all()
    assert start[1] >= 0
    assert start[1] + view.field_side_mm <= 96.0


def test_prediction_outside_the_field_is_counted_and_said():
    prediction = ORGAN.copy()
    prediction[10, 0, 3:8] = 1
    view = choose_view(box(slice(8, 10), slice(40, 42), slice(12, 13)), prediction, SPACING_MM)
    assert view.predicted_outside_ml > 0
    assert "of the prediction lies outside the field shown" in caption("la_010", "validation", SCORES, view)


def test_the_patients_left_is_on_the_right_of_the_picture(tmp_path):
    image = np.zeros(SHAPE, np.float32)
    image[:16] = 1.0  # x grows to the patient's right, so low x is the left side
    axial, coronal, _ = panel_pixels(draw(tmp_path / "panel.png", image, reference=ORGAN))
    for pixels in (axial, coronal):
        middle = pixels[pixels.shape[0] // 2 :, 20:-20].mean(axis=(0, 2))
        assert middle[-60:].mean() > 150
        assert middle[:60].mean() < 60


def test_voxels_of_unlike_spacing_keep_their_shape_in_mm(tmp_path):
    for pixels in panel_pixels(draw(tmp_path / "panel.png")):
        contour = coloured(pixels, REFERENCE_COLOUR)
        height, width = np.ptp(contour, axis=0)
        assert height == pytest.approx(width, rel=0.03)


def test_reference_and_prediction_have_their_own_contours(tmp_path):
    moved = box(slice(9, 29), slice(20, 40), slice(12, 22))
    for pixels in panel_pixels(draw(tmp_path / "both.png", prediction=moved)):
        assert len(coloured(pixels, REFERENCE_COLOUR)) > 100
        assert len(coloured(pixels, PREDICTION_COLOUR)) > 100
    for pixels in panel_pixels(draw(tmp_path / "missed.png", prediction=NOTHING)):
        assert len(coloured(pixels, PREDICTION_COLOUR)) == 0


def test_the_same_case_gives_the_same_bytes(tmp_path):
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    first = draw(tmp_path / "first.png", image, title="la_010").read_bytes()
    assert draw(tmp_path / "second.png", image, title="la_010").read_bytes() == first


def test_names_that_no_font_holds_and_infinite_voxels_are_drawn_all_the_same(tmp_path, recwarn):
    image = np.full(SHAPE, np.nan, np.float32)
    labels = ORGAN + box(slice(6, 9), slice(20, 40), slice(12, 22))
    names = {1: "left $x_1$ and $", 2: "症例"}
    draw_case_panel(
        tmp_path / "panel.png", image, labels, labels, SPACING_MM, names, title="症例 $\\frac$ 01"
    )
    assert (tmp_path / "panel.png").exists()
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_unequal_shapes_are_refused_with_their_sizes(tmp_path):
    with pytest.raises(ValueError, match=r"\(40, 48, 30\).*\(3, 3, 3\)"):
        draw(tmp_path / "panel.png", reference=np.zeros((3, 3, 3), np.uint8))


def test_caption_and_alt_text_hold_the_numbers():
    view = choose_view(ORGAN, NOTHING, SPACING_MM)
    expected = "left atrium Dice 0.912, HD95 4.50 mm, reference 81.2 mL, prediction 79.0 mL."
    assert caption("la_010", "validation", SCORES, view) == f"la_010 (validation): {expected}"
    assert alt_text("la_010", SCORES, view).startswith(
        "Axial slice 18, coronal slice 31 and sagittal slice 17"
    )
    assert alt_text("la_010", SCORES, view).endswith(expected)


def test_a_class_in_neither_mask_is_said_to_be_so():
    scores = [ClassScores("left atrium", float("nan"), None, float("nan"), float("nan"))]
    text = caption("c1", "test", scores, choose_view(NOTHING, NOTHING, SPACING_MM))
    assert text == "c1 (test): left atrium in neither reference nor prediction."


def test_the_caption_of_many_classes_names_the_lowest():
    scores = [ClassScores(f"organ {k}", k / 10, 1.0, 1.0, 1.0) for k in range(1, 9)]
    text = caption("c1", "test", scores, choose_view(ORGAN, NOTHING, SPACING_MM))
    assert "mean Dice of 8 classes 0.450; lowest: organ 1 0.100, organ 2 0.200, organ 3 0.300." in text


def test_a_prediction_alone_has_one_solid_contour_and_no_reference(tmp_path):
    for pixels in panel_pixels(draw(tmp_path / "alone.png", reference=None, prediction=ORGAN)):
        assert len(coloured(pixels, PREDICTION_COLOUR)) > 300
        assert len(coloured(pixels, REFERENCE_COLOUR)) == 0


def test_an_empty_prediction_alone_is_drawn_too(tmp_path):
    for pixels in panel_pixels(draw(tmp_path / "empty.png", reference=None, prediction=NOTHING)):
        assert len(coloured(pixels, PREDICTION_COLOUR)) == 0


def box_mm(low: tuple[float, float, float], high: tuple[float, float, float]) -> Box:
    return Box(np.array(low, float), np.array(high, float))


# Around the organ's 12 to 52, 40 to 80 and 48 to 88 mm; the middle of the first voxel is at 1, 1 and 2 mm.
REGION = box_mm((1, 29, 36), (61, 89, 96))


def test_the_region_looked_at_is_a_rectangle_of_its_size_in_each_plane(tmp_path):
    without = panel_pixels(draw(tmp_path / "without.png"))
    field_mm = choose_view(ORGAN, NOTHING, SPACING_MM, [REGION]).field_side_mm
    assert field_mm == choose_view(ORGAN, NOTHING, SPACING_MM).field_side_mm
    for before, after in zip(
        without, panel_pixels(draw(tmp_path / "with.png", regions=[REGION])), strict=True
    ):
        height, width = np.ptp(np.argwhere((before != after).any(axis=2)), axis=0)
        side_pixels = before.shape[1]
        assert height / side_pixels == pytest.approx(60 / field_mm, rel=0.04)
        assert width / side_pixels == pytest.approx(60 / field_mm, rel=0.04)


def test_the_field_widens_for_a_region_that_is_little_larger_and_not_for_one_that_is_much_larger():
    narrow = choose_view(ORGAN, NOTHING, SPACING_MM).field_side_mm
    little = box_mm((-10, 10, 10), (90, 110, 110))
    assert narrow < choose_view(ORGAN, NOTHING, SPACING_MM, [little]).field_side_mm <= 1.4 * narrow
    much = box_mm((-100, -100, -100), (200, 200, 200))
    assert choose_view(ORGAN, NOTHING, SPACING_MM, [much]).field_side_mm == narrow


def test_boxes_that_overlap_have_one_outline():
    boxes = [box_mm((0, 0, 0), (2, 2, 2)), box_mm((1, 1, 0), (3, 3, 2)), box_mm((9, 9, 5), (10, 10, 6))]
    pieces = outline_in_plane(boxes, normal=2, place_mm=1.0, across=0, up=1)
    length = sum(abs(x1 - x0) + abs(y1 - y0) for (x0, y0), (x1, y1) in pieces)
    assert length == pytest.approx(12.0)  # of two squares with sides of 2 that share one of 1
    assert ((1.0, 1.0), (1.0, 2.0)) not in pieces
    assert outline_in_plane(boxes, normal=2, place_mm=4.0, across=0, up=1) == []


def test_caption_and_alt_text_tell_of_the_region():
    view = choose_view(ORGAN, NOTHING, SPACING_MM, [REGION])
    expected = "The thin white line is the edge of the region that the second network looked at."
    assert caption("la_010", "validation", SCORES, view).endswith(expected)
    assert "and the edge of the region looked at (thin)" in alt_text("la_010", SCORES, view)
    assert "region" not in caption("la_010", "validation", SCORES, choose_view(ORGAN, NOTHING, SPACING_MM))


def test_two_predictions_are_drawn_beside_the_reference_each_in_its_colour(tmp_path: Path):
    first, second = np.roll(ORGAN, 6, axis=(0, 1)), np.roll(ORGAN, 4, axis=2)
    image = np.zeros(SHAPE, np.float32)
    content, view = draw_compared_panel(image, ORGAN, {"A": first, "B": second}, SPACING_MM, CLASSES)
    (tmp_path / "compared.png").write_bytes(content)
    axial, coronal, _ = panel_pixels(tmp_path / "compared.png")
    assert view.slices == choose_view(ORGAN, NOTHING, SPACING_MM).slices
    for colour in (REFERENCE_COLOUR, PREDICTION_COLOUR, SECOND_COLOUR):
        assert coloured(coronal, colour).size > 0
    assert coloured(axial, PREDICTION_COLOUR).size > 0


def test_a_prediction_of_another_shape_is_not_drawn_beside_another():
    with pytest.raises(ValueError, match="B \\(40, 48, 29\\)"):
        draw_compared_panel(
            np.zeros(SHAPE), ORGAN, {"A": NOTHING, "B": NOTHING[..., 1:]}, SPACING_MM, CLASSES
        )
