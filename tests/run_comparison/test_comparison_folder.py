"""The folder of a comparison: the page in the form of a report, all values as a table, and nothing overwritten."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run
from segtrail.run_comparison.document import build_comparison_document
from segtrail.run_comparison.make_comparison import ComparisonRequest, make_comparison

Command = Callable[..., Any]


@pytest.fixture
def pair(tmp_path: Path, quick_run_dir: Path) -> tuple[Path, Path]:
    """A finished run, and a copy under another ID whose Dice is another one; this machine does not know its data."""
    runs = tmp_path / "outputs" / "runs"
    first = copy_run(quick_run_dir, runs / quick_run_dir.name)
    second = copy_run(quick_run_dir, runs / "run_20200101_000000")
    state = json.loads((second / "run.json").read_text(encoding="utf-8"))
    (second / "run.json").write_text(json.dumps({**state, "run_id": second.name}), encoding="utf-8")
    with (second / "metrics_cases.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for number, row in enumerate(rows):
        row["dice"] = repr(float(row["dice"]) + 0.1 * (-1) ** number)
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (second / "metrics_cases.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return first, second


def data_of(quick_run_dir: Path) -> Path:
    return quick_run_dir.parents[2] / "data"


def texts_of(runs: tuple[Path, ...], data: Path | None, *metrics: str) -> str:
    comparison = make_comparison(ComparisonRequest(runs, "val", metrics))
    return json.dumps(build_comparison_document(comparison, data).data, ensure_ascii=False)


@pytest.mark.usefixtures("drawn_anew")
@pytest.mark.requirement("CMP-07")
def test_the_same_runs_give_the_same_bytes(
    pair: tuple[Path, Path], quick_run_dir: Path, tmp_path: Path, segtrail: Command
) -> None:
    options = ("--side", "val", "--data", data_of(quick_run_dir))
    for name in ("one", "two"):
        answer = segtrail("compare", *pair, *options, "--output", tmp_path / name)
        assert answer.exit_code == 0, answer.stderr
    names = ["comparison.html", "comparison.json", "comparison.pdf", "comparison_cases.csv"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    pdf = (tmp_path / "one" / "comparison.pdf").read_bytes()
    assert b"pdfaid" in pdf
    assert b"pdfuaid" in pdf
    assert str(tmp_path).encode() not in pdf


def test_every_figure_says_what_it_shows_and_the_changed_cases_are_pictured(
    pair: tuple[Path, Path], quick_run_dir: Path
) -> None:
    comparison = make_comparison(ComparisonRequest(pair, "val"))
    document = build_comparison_document(comparison, data_of(quick_run_dir))
    figures = [part for part in document.data["parts"] if part["kind"] == "figure"]
    assert [part["file"] for part in figures] == [
        "curves.svg",
        "values.svg",
        "differences.svg",
        "changed_1.png",
        "changed_2.png",
    ]
    assert all(len(part["alt"]) > 40 for part in figures)
    assert "worse in B" in figures[3]["caption"]
    assert "better in B" in figures[4]["caption"]


def test_all_values_stand_in_the_table(pair: tuple[Path, Path], tmp_path: Path, segtrail: Command) -> None:
    assert segtrail("compare", *pair, "--side", "val", "--output", tmp_path / "made").exit_code == 0
    with (tmp_path / "made" / "comparison_cases.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [
        "case",
        "class",
        "metric",
        "value_A",
        "value_B",
        "difference_B",
        "schema_version",
    ]
    dice = {row["case"]: row for row in rows if row["metric"] == "dice"}
    assert list(dice) == ["case_2", "case_3"]
    assert float(dice["case_2"]["difference_B"]) == pytest.approx(0.1)
    assert float(dice["case_3"]["difference_B"]) == pytest.approx(-0.1)
    assert {row["metric"] for row in rows} > {"assd_mm", "volume_error_ml"}


@pytest.mark.requirement("CMP-06")
def test_pictures_that_can_not_be_drawn_are_said_with_the_reason(
    pair: tuple[Path, Path], quick_run_dir: Path, tmp_path: Path
) -> None:
    said = texts_of(pair, None)
    assert "does not know where the data lie" in said
    assert str(tmp_path) not in said
    data = tmp_path / "other_data"
    shutil.copytree(data_of(quick_run_dir), data)
    (pair[1] / "predictions" / "case_2.nii.gz").unlink()
    (data / "imagesTr" / "case_3.nii.gz").write_bytes(b"damaged")
    said = texts_of(pair, data)
    assert "The prediction of B, predictions/case_2.nii.gz, is missing." in said.replace("\u200b", "")
    assert "case_3.nii.gz is damaged" in said.replace("\u200b", "")
    shutil.copyfile(data / "imagesTr" / "case_0.nii.gz", data / "imagesTr" / "case_3.nii.gz")
    assert "is not the file that was measured on" in texts_of(pair, data)


def test_an_earlier_comparison_of_the_same_runs_is_replaced_and_another_one_is_kept(
    pair: tuple[Path, Path], tmp_path: Path, segtrail: Command
) -> None:
    made = tmp_path / "made"
    assert segtrail("compare", *pair, "--output", made).exit_code == 0
    assert segtrail("compare", *pair, "--output", made).exit_code == 0
    answer = segtrail("compare", *reversed(pair), "--output", made)
    assert (answer.exit_code, "a comparison of other runs" in answer.stderr) == (2, True)


@pytest.mark.requirement("CMP-07")
def test_a_folder_that_holds_something_else_or_lies_in_a_run_is_refused(
    pair: tuple[Path, Path], tmp_path: Path, segtrail: Command
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine", encoding="utf-8")
    answer = segtrail("compare", *pair, "--output", tmp_path / "full")
    assert (answer.exit_code, "holds something else: thesis.txt" in answer.stderr) == (2, True)
    answer = segtrail("compare", *pair, "--output", pair[0] / "compared")
    assert (answer.exit_code, "which is not written" in answer.stderr) == (2, True)
    assert not (pair[0] / "compared").exists()


def test_four_hundred_cases_of_thirty_classes_with_long_names_stay_readable(
    new_run: Command, tmp_path: Path, segtrail: Command
) -> None:
    classes = [f"a class with a long name, the one with number {number}" for number in range(30)]
    names = [f"case_of_a_centre_with_a_very_long_name_{number:04d}" for number in range(400)]

    def results(shift: float) -> dict[str, dict[str, float]]:
        return {
            name: {of: 0.5 + shift * (n % 7 - 2) / 50 + k / 100 for k, of in enumerate(classes)}
            for n, name in enumerate(names)
        }

    runs = new_run(results(0.0)), new_run(results(1.0))
    comparison = make_comparison(ComparisonRequest(runs))
    assert len(comparison.statistics) == 31 * 3
    parts = build_comparison_document(comparison, None).data["parts"]
    tables = [part for part in parts if part["kind"] == "table"]
    assert max(len(table["rows"]) for table in tables) <= 41
    assert "… 360 more, in" in json.dumps(tables, ensure_ascii=False)
    answer = segtrail("compare", *runs, "--output", tmp_path / "made")
    assert answer.exit_code == 0, answer.stderr
    assert "and 63 more; --output DIR and --json have all." in answer.stdout
    assert (
        len((tmp_path / "made" / "comparison_cases.csv").read_text(encoding="utf-8").splitlines()) > 400 * 30
    )


def test_eight_runs_fit_on_the_pages(new_run: Command, tmp_path: Path, segtrail: Command) -> None:
    runs = [new_run({f"case_{n}": 0.5 + 0.01 * n * k for n in range(4)}) for k in range(8)]
    answer = segtrail("compare", *runs, "--output", tmp_path / "made")
    assert answer.exit_code == 0, answer.stderr
    answer = segtrail("compare", *runs, new_run({"case_0": 0.5}))
    assert (answer.exit_code, "at most 8 can be compared" in answer.stderr) == (2, True)


def test_the_main_metric_is_the_first_that_was_asked_for(pair: tuple[Path, Path]) -> None:
    assert "HD95, ball: mean difference" in texts_of(pair, None, "hd95_mm", "dice")


def test_the_terminal_names_the_document(pair: tuple[Path, Path], tmp_path: Path, segtrail: Command) -> None:
    answer = segtrail("compare", *pair, "--output", tmp_path / "made")
    assert answer.stdout.rstrip().endswith(str(tmp_path / "made" / "comparison.html"))
