from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segtrail.report.surface_panel import UNCOMPARED_COLOUR, draw_surface_panel
from segtrail.report.surface_text import surface_alt_text, surface_caption
from segtrail.report.surface_view import SurfaceView, view_surfaces

pytestmark = pytest.mark.usefixtures("drawn_anew")

SPACING_MM = (2.0, 2.0, 2.0)
CLASSES = {1: "left atrium", 2: "aorta"}
ORGAN = np.zeros((24, 24, 24), np.uint8)
ORGAN[6:18, 6:18, 6:18] = 1
SMALL = np.zeros_like(ORGAN)
SMALL[8:16, 8:16, 8:16] = 1
NOTHING = np.zeros_like(ORGAN)


def view(reference: np.ndarray, prediction: np.ndarray) -> SurfaceView:
    seen = view_surfaces(reference, prediction, SPACING_MM, CLASSES)
    assert seen is not None
    return seen


def pixels(path: Path, seen: SurfaceView, **options: str) -> np.ndarray:
    """The picture without its legend, as RGB."""
    draw_surface_panel(path, seen, **options)
    with Image.open(path) as picture:
        drawn = np.asarray(picture.convert("RGB")).astype(int)
    return drawn[: int(drawn.shape[0] * 0.8)]


def count_blue(drawn: np.ndarray) -> int:
    return int((drawn[..., 2] - drawn[..., 0] > 60).sum())


def count_orange(drawn: np.ndarray) -> int:
    return int((drawn[..., 0] - drawn[..., 2] > 60).sum())


def test_a_prediction_that_is_too_small_is_blue_and_one_that_is_too_large_orange(tmp_path: Path) -> None:
    small = pixels(tmp_path / "small.png", view(ORGAN, SMALL))
    assert count_blue(small) > 10_000
    assert count_orange(small) == 0
    large = pixels(tmp_path / "large.png", view(SMALL, ORGAN))
    assert count_orange(large) > 10_000
    assert count_blue(large) == 0


def test_a_prediction_without_a_difference_is_neither_blue_nor_orange(tmp_path: Path) -> None:
    drawn = pixels(tmp_path / "same.png", view(ORGAN, ORGAN))
    assert count_blue(drawn) == count_orange(drawn) == 0


def test_a_missed_class_is_grey(tmp_path: Path) -> None:
    drawn = pixels(tmp_path / "missed.png", view(ORGAN, NOTHING))
    grey = int(UNCOMPARED_COLOUR[1:3], 16)
    is_grey = (np.ptp(drawn, axis=2) < 3) & (drawn[..., 0] <= grey) & (drawn[..., 0] > grey // 3)
    assert is_grey.sum() > 10_000
    assert count_blue(drawn) == count_orange(drawn) == 0


@pytest.mark.parametrize("maps", [(ORGAN, NOTHING), (NOTHING, ORGAN)], ids=["prediction", "reference"])
def test_an_empty_map_takes_less_room(tmp_path: Path, maps: tuple[np.ndarray, np.ndarray]) -> None:
    both = pixels(tmp_path / "both.png", view(ORGAN, ORGAN))
    assert pixels(tmp_path / "one.png", view(*maps)).shape[0] < both.shape[0]


def test_the_same_surfaces_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first.png", "second.png"):
        draw_surface_panel(tmp_path / name, view(ORGAN, SMALL), title="la_010")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_titles_that_no_font_holds_are_drawn_all_the_same(tmp_path: Path, recwarn) -> None:
    draw_surface_panel(tmp_path / "panel.png", view(ORGAN, SMALL), title="症例 $\\frac$ 01")
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_a_very_long_body_keeps_the_picture_on_a_page(tmp_path: Path) -> None:
    spine = np.zeros((10, 10, 400), np.uint8)
    spine[3:7, 3:7, 2:398] = 1
    draw_surface_panel(tmp_path / "spine.png", view(spine, spine))
    with Image.open(tmp_path / "spine.png") as picture:
        assert picture.height < picture.width


def test_caption_and_alt_text_say_how_much_is_too_small() -> None:
    caption = surface_caption("la_010", "validation", view(ORGAN, SMALL), CLASSES, 2.0)
    assert caption.startswith("la_010 (validation), surfaces: the predicted one above")
    assert "nothing lies more than 2 mm outside of the reference and 100% more than that inside" in caption
    assert "The colours end at 5 mm" in caption
    assert "100% more than that inside" in surface_alt_text("la_010", view(ORGAN, SMALL), CLASSES, 2.0)


def test_a_prediction_of_a_single_voxel_has_its_distances_too() -> None:
    speck = np.zeros((96, 96, 96), np.uint8)
    organ = speck.copy()
    organ[20:70, 20:70, 20:70] = 1
    speck[45, 45, 45] = 1
    caption = surface_caption("la_010", "validation", view(organ, speck), CLASSES, 2.0)
    assert "nothing lies more than 2 mm outside of the reference and 100% more than that inside" in caption
    assert "The colours end at 5 mm; 100% of the predicted surface" in caption


def test_caption_and_alt_text_name_what_is_grey() -> None:
    seen = view(ORGAN, SMALL * 2)
    expected = "Grey, since only the prediction holds it: aorta. Grey, since only the reference holds it: left atrium."
    assert surface_caption("c", "test", seen, CLASSES, 2.0).endswith(expected)
    assert surface_alt_text("c", seen, CLASSES, 2.0).endswith(expected)
    assert "%" not in surface_caption("c", "test", seen, CLASSES, 2.0)
