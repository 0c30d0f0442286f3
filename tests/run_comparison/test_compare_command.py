"""`segtrail compare` shows only what differs, compares what all measured, and claims no more than it shows."""

import csv
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from synthetic_runs import as_recorded

from run_copies import copy_run

Command = Callable[..., Any]
SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "comparison.schema.json"
# What a test that shows nothing must never be called.
CLAIMS = re.compile(
    r"\bequal(ly|s)?\b|equivalent|\bidentical\b|same (performance|quality)|no difference (exists|between)",
    re.IGNORECASE,
)


def dices(n_cases: int, first: float = 0.6, step: float = 0.01) -> dict[str, float]:
    return {f"case_{number}": first + step * number for number in range(n_cases)}


def better_by(results: dict[str, float], *, least: float = 0.05) -> dict[str, float]:
    """Raise each Dice, by a bit more from case to case."""
    return {case: dice + least + 0.001 * n for n, (case, dice) in enumerate(results.items())}


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def main_of(found: dict[str, Any], run: str = "B") -> dict[str, Any]:
    return next(
        one for one in found["statistics"] if one["run"] == run and one["metric"] == found["metrics"][0]
    )


@pytest.mark.requirement("CMP-01")
def test_only_what_differs_is_listed(new_run: Command, compare: Command) -> None:
    first = new_run(dices(3))
    second = new_run(
        dices(3), settings={"max_epochs: 2": "max_epochs: 9"}, state={"segtrail_version": "0.0.9"}
    )
    differences = compare(first, second)["differences"]
    assert {row["what"]: row["values"] for row in differences["configuration"]} == {
        "train.max_epochs": {"A": "2", "B": "9"},
    }
    assert [row["what"] for row in differences["code"]] == ["version of segtrail"]
    assert differences["data"] == differences["environment"] == []


@pytest.mark.requirement("CMP-01")
def test_a_package_a_commit_a_device_and_a_training_case_that_differ_are_named(
    new_run: Command, compare: Command
) -> None:
    first, second = new_run(dices(3)), new_run(dices(3))
    edit(second / "provenance" / "packages.json", lambda value: value["packages"][0].update(version="0.0.1"))
    edit(second / "run.json", lambda value: value["device"].update(threads=64))
    edit(second / "provenance" / "provenance.json", lambda value: value.update(working_repository=None))
    edit(second / "dataset_summary.json", lambda value: value["cases"].pop(0))
    found = compare(first, second)["differences"]
    assert {"threads"} < {row["what"] for row in found["environment"]}
    assert any(
        row["what"].startswith("package ") and row["values"]["B"] == "0.0.1" for row in found["environment"]
    )
    trained = next(row for row in found["data"] if row["what"] == "trained on only here")
    assert trained["values"] == {"A": "case_0", "B": None}


def test_runs_of_one_and_two_stages_are_compared_by_their_last_stage(
    new_run: Command, compare: Command, staged_run_dir: Path
) -> None:
    one, two = new_run(dices(3)), new_run(dices(3))
    text = (staged_run_dir / "config_resolved.yaml").read_text(encoding="utf-8")
    (two / "config_resolved.yaml").write_text(text, encoding="utf-8")
    found = compare(one, two)
    keys = {row["what"]: row["values"] for row in found["differences"]["configuration"]}
    assert keys["stages"]["B"] == "coarse, fine"
    assert keys["train.max_epochs"] == {"A": "2", "B": "8"}
    assert not [key for key in keys if key.startswith("stages.")]
    assert any("other stages" in note for note in found["notes"])


@pytest.mark.requirement("CMP-02")
def test_a_known_difference_is_found_with_its_size(new_run: Command, compare: Command) -> None:
    results = dices(8)
    found = compare(new_run(results), new_run(better_by(results)))
    main = main_of(found)
    assert main["mean_difference"] == pytest.approx(0.05 + 0.0035)
    assert (main["n"], main["n_better"], main["verdict"], main["direction"]) == (8, 8, "shown", "better")
    assert main["p_corrected"] == pytest.approx(3 * 2 / 2**8)
    assert "A difference is shown" in found["conclusions"][0]
    assert "In the mean B is better." in found["conclusions"][0]


@pytest.mark.requirement("CMP-02")
def test_every_run_is_compared_with_the_first_and_all_tests_are_corrected_together(
    new_run: Command, compare: Command
) -> None:
    results = dices(8)
    found = compare(new_run(results), new_run(better_by(results)), new_run(better_by(results, least=0.1)))
    assert [one["run"] for one in found["statistics"]] == ["B"] * 3 + ["C"] * 3
    assert found["test"]["n_tests"] == 6
    assert main_of(found, "C")["p_corrected"] == pytest.approx(6 * 2 / 2**8)


@pytest.mark.requirement("CMP-04")
def test_cases_that_only_one_run_measured_are_left_out_and_named(
    new_run: Command, segtrail: Command, compare: Command
) -> None:
    first, second = new_run(dices(6)), new_run({**dices(4), "case_9": 0.5})
    found = compare(first, second)
    assert [case["case"] for case in found["cases"]] == [f"case_{n}" for n in range(4)]
    assert {(entry["case"], entry["because"]) for entry in found["left_out"]} == {
        ("case_4", "not measured in B"),
        ("case_5", "not measured in B"),
        ("case_9", "not measured in A"),
    }
    said = segtrail("compare", first, second).stdout
    assert "were not measured on the same cases (measured: A 6, B 5)" in said
    assert "Not measured in B: case_4, case_5." in said


@pytest.mark.requirement("CMP-04")
@pytest.mark.parametrize(
    ("changed", "because"), [("images", "another image in B"), ("labels", "another reference in B")]
)
def test_a_case_with_another_image_or_reference_is_not_common(
    changed: str, because: str, new_run: Command, compare: Command
) -> None:
    found = compare(new_run(dices(4)), new_run(dices(4), **{changed: {"case_1": "something else"}}))
    assert found["left_out"] == [{"case": "case_1", "because": because}]
    assert main_of(found)["n"] == 3


def test_the_same_image_under_another_name_is_the_same_case(
    new_run: Command, segtrail: Command, compare: Command
) -> None:
    results = dices(3)
    renamed = {"other_0": results["case_0"], "case_1": results["case_1"], "case_2": results["case_2"]}
    same = {"images": {"other_0": "case_0"}, "labels": {"other_0": "case_0"}}
    first, second = new_run(results), new_run(renamed, **same)
    assert compare(first, second)["cases"][0] == {"case": "case_0", "names": {"A": "case_0", "B": "other_0"}}
    assert "Named otherwise in B: case_0 (other_0)." in segtrail("compare", first, second).stdout


@pytest.mark.requirement("CMP-04")
def test_runs_without_a_case_in_common_are_refused(new_run: Command, segtrail: Command) -> None:
    answer = segtrail("compare", new_run({"a": 0.8}), new_run({"b": 0.8}))
    assert answer.exit_code == 2
    assert "have no test or validation case in common" in answer.stderr


def test_test_cases_are_taken_where_all_have_them_and_a_side_can_be_asked_for(
    quick_run_dir: Path, tmp_path: Path, compare: Command
) -> None:
    second = copy_run(quick_run_dir, tmp_path / "copy")
    edit(second / "run.json", lambda value: value.update(run_id="run_20200101_000000"))
    found = compare(quick_run_dir, second)
    assert (found["side"], [case["case"] for case in found["cases"]]) == ("test", ["case_4"])
    found = compare(quick_run_dir, second, "--side", "val")
    assert (found["side"], len(found["cases"])) == ("val", 2)
    assert any("chose the epoch" in text for text in found["cautions"])


def test_a_missed_class_counts_and_one_that_lies_in_neither_mask_is_left_out(
    new_run: Command, compare: Command
) -> None:
    found = compare(new_run({"a": 0.8, "b": 0.8, "c": 0.8}), new_run({"a": 0.9, "b": 0.0, "c": None}))
    main = main_of(found)
    assert (main["n"], main["n_undefined"], main["n_failed"]) == (2, 1, 1)
    assert main["mean_difference"] == pytest.approx((0.1 - 0.8) / 2)
    assert any("Failed cases" in text for text in found["cautions"])


def test_of_a_metric_that_is_best_at_0_the_distances_are_compared(new_run: Command, compare: Command) -> None:
    first, second = new_run({"a": 0.8, "b": 0.9}), new_run({"a": 1.1, "b": 0.95})
    found = compare(first, second, "--metrics", "volume_error_ml")
    main = main_of(found)
    assert main["base_mean"] == pytest.approx(1.5)
    assert main["mean"] == pytest.approx(0.75)
    assert (main["n_better"], main["direction"]) == (2, "better")


@pytest.mark.requirement("CMP-05")
@pytest.mark.parametrize("step", [0.0, 0.01, -0.01])
@pytest.mark.parametrize("n_cases", [1, 3, 8, 40])
def test_a_difference_that_is_not_shown_is_never_called_none(
    n_cases: int, step: float, new_run: Command, segtrail: Command, compare: Command
) -> None:
    results = dices(n_cases, step=0.001)
    mixed = {case: dice + step * (-1) ** n * (n + 1) / 50 for n, (case, dice) in enumerate(results.items())}
    first, second = new_run(results), new_run(mixed)
    said = segtrail("compare", first, second).stdout + json.dumps(compare(first, second))
    assert "A difference is shown" not in said
    assert not CLAIMS.search(said)


def test_where_no_test_could_show_anything_that_is_said(new_run: Command, compare: Command) -> None:
    results = dices(7)
    found = compare(new_run(results), new_run(better_by(results)), "--metrics", "all")
    assert "No test here could show one" in found["conclusions"][0]
    assert "The interval does not hold 0" in found["conclusions"][0]


def test_classes_that_only_one_run_has_are_named_and_not_compared(
    new_run: Command, segtrail: Command, compare: Command
) -> None:
    first = new_run({"a": {"left": 0.8, "right": 0.7}})
    second = new_run({"a": {"left": 0.8, "middle": 0.7}})
    assert compare(first, second)["classes"] == ["left"]
    said = segtrail("compare", first, second).stdout
    assert "Classes of A that not all runs have are not compared: right." in said


@pytest.mark.requirement("CMP-06")
def test_a_record_of_another_program_is_matched_by_the_hash_of_the_reference(
    new_run: Command, segtrail: Command, compare: Command
) -> None:
    first, second = new_run(dices(7)), as_recorded(new_run(better_by(dices(7))))
    found = compare(first, second)
    assert main_of(found)["n"] == 7
    assert {row["what"]: row["values"]["B"] for row in found["differences"]["code"]} == {
        "program that trained": "nnU-Net 2.6"
    }
    said = segtrail("compare", first, second).stdout
    assert "matched by name, and by the hash of the reference's file" in said
    assert "Settings are not compared key by key" in said
    assert "Configuration: not compared." in said
    assert [found["differences"][topic] for topic in ("configuration", "data", "environment")] == [
        None,
        [],
        [],
    ]


@pytest.mark.requirement("CMP-06")
def test_without_hashes_cases_are_matched_by_name_and_volume_and_that_is_said(
    new_run: Command, segtrail: Command, compare: Command
) -> None:
    first, second = new_run(dices(4)), as_recorded(new_run(dices(4)))
    edit(second / "run.json", lambda value: value["recorded"].update(measured=[]))
    text = (second / "metrics_cases.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    rows[2]["reference_volume_ml"] = "11.0"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (second / "metrics_cases.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = compare(first, second)
    assert found["left_out"] == [{"case": "case_2", "because": "another reference in B"}]
    assert "matched by name alone" in segtrail("compare", first, second).stdout


@pytest.mark.requirement("CMP-06")
def test_what_is_missing_or_damaged_is_said_and_the_rest_compared(new_run: Command, compare: Command) -> None:
    first, second = new_run(dices(4)), new_run(dices(4))
    (second / "history.csv").unlink()
    (second / "dataset_summary.json").write_text("{", encoding="utf-8")
    (second / "config_resolved.yaml").unlink()
    found = compare(first, second)
    assert main_of(found)["n"] == 4
    problems = " ".join(found["runs"][1]["problems"])
    assert "history.csv is missing." in problems
    assert "dataset_summary.json is damaged: line 1 is not valid JSON" in problems
    assert any("Settings are not compared" in note for note in found["notes"])


def test_a_status_that_is_not_finished_is_said(new_run: Command, compare: Command) -> None:
    found = compare(new_run(dices(2)), new_run(dices(2), state={"status": "failed"}))
    assert "B is not finished: its status is failed." in found["cautions"]


def test_the_answer_follows_the_schema(new_run: Command, compare: Command) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    several = new_run({"a": {"left": 0.8, "right": 0.7}, "b": {"left": 0.0, "right": None}})
    found = compare(several, new_run({"a": {"left": 0.7, "right": 0.7}, "c": {"left": 0.1}}))
    Draft202012Validator(schema).validate(found)


def test_without_pages_neither_torch_nor_matplotlib_is_imported(new_run: Command) -> None:
    runs = new_run(dices(7)), new_run(better_by(dices(7)))
    code = (
        "import sys; from segtrail.cli import main\ntry: main(['compare', *sys.argv[1:]])\n"
        "finally: print([name for name in ('torch', 'monai', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *runs], capture_output=True, text=True, encoding="utf-8"
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.requirement("CMP-07")
def test_comparing_changes_nothing_in_the_runs(new_run: Command, compare: Command, tmp_path: Path) -> None:
    first, second = new_run(dices(7)), new_run(better_by(dices(7)))
    before = contents(tmp_path / "outputs")
    compare(first, second, "--output", tmp_path / "made")
    assert contents(tmp_path / "outputs") == before


def edit(path: Path, change: Callable[[Any], object]) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")
