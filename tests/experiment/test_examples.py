"""Which cases get pictures, and what is drawn and said of them."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from jsonschema import validate

from segtrail.evaluation.evaluate import ClassResult, measure_classes
from segtrail.experiment.examples import CaseSources, ChosenCase, choose_cases, draw_chosen

CLASSES = {1: "left atrium", 2: "aorta"}
SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "examples.schema.json"


def labels(*sizes: int) -> np.ndarray:
    """A label map with a bar of each class, of so many voxels."""
    volume = np.zeros((12, 6, 8), np.uint8)
    for label, size in enumerate(sizes, start=1):
        volume[1 : 1 + size, label, 3] = label
    return volume


def results(case: str, reference: np.ndarray, prediction: np.ndarray) -> list[ClassResult]:
    measured = measure_classes(prediction, reference, np.eye(4), CLASSES, [])
    return [ClassResult(case, "val", name, metrics) for name, metrics in measured.items()]


def ordered(*sizes: int) -> list[ClassResult]:
    """A result for each case, named by its place: the larger the prediction, the better."""
    return [
        result
        for place, size in enumerate(sizes)
        for result in results(f"case_{place:02d}", labels(10), labels(size))
    ]


def chosen(results: list[ClassResult], **doubts: list[str]) -> list[tuple[str, str]]:
    return [(one.rank, one.case) for one in choose_cases(results, doubts).drawn]


def test_without_a_flag_the_best_the_median_and_the_worst_case_are_chosen() -> None:
    assert chosen(ordered(9, 5, 7, 3, 8)) == [
        ("best", "case_00"),
        ("median", "case_02"),
        ("worst", "case_03"),
    ]


def test_a_case_stands_once_whatever_its_ranks() -> None:
    assert chosen(ordered(9)) == [("best", "case_00")]
    assert chosen(ordered(9, 8)) == [("best", "case_00"), ("worst", "case_01")]
    assert chosen([]) == []


def test_a_missed_class_flags_a_case_and_says_why() -> None:
    cases = [
        *ordered(9, 8, 7),
        *results("gone", labels(10, 6), labels(10)),
        *results("bad", labels(9), labels(1)),
    ]
    (flagged,) = [one for one in choose_cases(cases, {}).drawn if one.rank == "flagged" or one.reasons]
    assert flagged.case == "gone"
    assert flagged.reasons == ("Aorta was missed: it is there, and nothing of it was predicted.",)


def test_a_false_positive_flags_a_case_and_says_why() -> None:
    (only,) = choose_cases(results("more", labels(10), labels(10, 4)), {}).drawn
    assert (only.rank, only.reasons) == ("best", ("Aorta was predicted where there is none.",))


def test_a_note_of_the_guard_flags_a_case_with_its_words() -> None:
    drawn = choose_cases(
        ordered(9, 8, 7, 6, 5), {"case_01": ["Look at it."], "of_another_side": ["No."]}
    ).drawn
    assert drawn[-1] == ChosenCase("flagged", "case_01", pytest.approx(16 / 18), ("Look at it.",))
    assert len(drawn) == 4


def test_a_ranked_case_that_is_flagged_keeps_its_rank_and_says_both() -> None:
    drawn = choose_cases(ordered(9, 8, 7), {"case_02": ["Look at it."]}).drawn
    assert [(one.rank, one.reasons) for one in drawn] == [
        ("best", ()),
        ("median", ()),
        ("worst", ("Look at it.",)),
    ]


def test_of_many_flagged_cases_the_twelve_with_the_lowest_dice_are_drawn() -> None:
    cases = ordered(10, *(size for size in (2, 3, 4, 5, 6, 7, 8, 9) for _ in range(2)), 1)
    doubts = {result.case: ["Look at it."] for result in cases}
    selection = choose_cases(cases, doubts)
    flagged = [one for one in selection.drawn if one.rank == "flagged"]
    dice = [one.class_mean_dice for one in flagged]
    assert len(flagged) == 12
    assert dice == sorted(dice)
    assert selection.flagged_not_drawn == 18 - 3 - 12
    assert max(dice) < 2 * 9 / 19


def test_a_flagged_case_with_nothing_to_score_stands_last_without_a_dice() -> None:
    cases = [*ordered(9, 8, 7, 6), *results("empty", labels(), labels())]
    doubts = {"empty": ["The map was left empty."], "case_01": ["Look at it."]}
    assert chosen(cases, **doubts)[-2:] == [("flagged", "case_01"), ("flagged", "empty")]
    assert choose_cases(cases, doubts).drawn[-1].class_mean_dice is None


def test_planes_and_surfaces_of_each_case_are_drawn_and_listed(tmp_path: Path) -> None:
    maps = {
        "good": (labels(9, 5), labels(9, 5)),
        "missed": (labels(9, 5), labels(7)),
        "nothing": (labels(), labels()),
    }

    def sources(case: str) -> CaseSources:
        paths = [tmp_path / f"{case}_{name}.nii" for name in ("image", "reference", "prediction")]
        for path, volume in zip(paths, (np.ones((12, 6, 8), np.float32), *maps[case]), strict=True):
            nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path)
        return CaseSources([paths[0]], paths[1], paths[2])

    folder = tmp_path / "examples"
    folder.mkdir()
    measured = [result for case, pair in maps.items() for result in results(case, *pair)]
    draw_chosen(folder, measured, sources, CLASSES, {"nothing": ["The map was left empty."]})
    content = json.loads((folder / "examples.json").read_text(encoding="utf-8"))
    validate(content, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert sorted(path.name for path in folder.glob("*.png")) == [
        "best_good.png",
        "flagged_nothing.png",
        "surface_good.png",
        "surface_missed.png",
        "worst_missed.png",
    ]
    good, missed, nothing = content["examples"]
    assert good["reasons"] == []
    assert missed["caption"].endswith(
        "Flagged: Aorta was missed: it is there, and nothing of it was predicted."
    )
    assert missed["surface"]["caption"].endswith("Grey, since only the reference holds it: aorta.")
    assert "surface" not in nothing
    assert content["flagged_not_drawn"] == 0
