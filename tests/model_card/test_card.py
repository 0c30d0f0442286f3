"""The model card of a run says what the record says, in the form of Hugging Face."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import EvalResult, ModelCard

from run_copies import copy_run
from segtrail.model_card.card import build_card, this_program
from segtrail.model_card.questions import QUESTIONS, open_questions
from segtrail.record.run_folder import read_json
from segtrail.report.run_contents import read_run

Edit = Callable[[Any], None]


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A run whose files a test may change."""
    return copy_run(quick_run_dir, tmp_path / quick_run_dir.name)


def card_of(run: Path) -> str:
    return build_card(read_run(run), this_program())


def change(run: Path, name: str, edit: Edit) -> None:
    content = read_json(run / name)
    edit(content)
    (run / name).write_text(json.dumps(content), encoding="utf-8")


def change_rows(run: Path, edit: Edit) -> None:
    rows = list(csv.DictReader(io.StringIO((run / "metrics_cases.csv").read_text(encoding="utf-8"))))
    for row in rows:
        edit(row)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (run / "metrics_cases.csv").write_text(stream.getvalue(), encoding="utf-8")


def section(card: str, title: str) -> str:
    return card.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_a_sealed_run_has_its_card_and_the_manifest_lists_it(quick_run_dir: Path) -> None:
    card = (quick_run_dir / "model_card.md").read_text(encoding="utf-8")
    assert card == card_of(quick_run_dir)
    listed = [file["path"] for file in read_json(quick_run_dir / "manifest.json")["files"]]
    assert "model_card.md" in listed


@pytest.mark.requirement("GOV-01")
@pytest.mark.parametrize("run_name", ["quick_run_dir", "staged_run_dir"])
def test_the_library_of_hugging_face_reads_the_card_and_its_figures(
    run_name: str, request: pytest.FixtureRequest
) -> None:
    run_dir = request.getfixturevalue(run_name)
    card = ModelCard.load(run_dir / "model_card.md")
    assert (card.data.library_name, card.data.pipeline_tag) == ("segtrail", "image-segmentation")
    assert card.data.license == "other"
    splits = read_json(run_dir / "metrics_summary.json")["splits"]
    names = {"validation": "val", "test": "test"}
    assert {names[result.dataset_split] for result in card.data.eval_results} == set(splits)
    for result in card.data.eval_results:
        assert isinstance(result, EvalResult)
        known = splits[names[result.dataset_split]][result.dataset_config]
        assert result.metric_value == known["metrics"][result.metric_type]["mean"]
        assert result.dataset_args == {"n": known["n"], "n_failed": known["n_failed"]}


def test_the_library_writes_the_same_figures_again(quick_run_dir: Path) -> None:
    card = ModelCard.load(quick_run_dir / "model_card.md")
    again = ModelCard(f"---\n{card.data.to_yaml()}\n---\n")
    assert again.data.eval_results == card.data.eval_results


@pytest.mark.requirement("GOV-02")
def test_what_only_a_person_can_write_is_marked(quick_run_dir: Path) -> None:
    card = card_of(quick_run_dir)
    assert sorted(open_questions(card)) == sorted(question.id for question in QUESTIONS)
    assert "8 of these are still to be written" in card


def test_the_data_stand_with_licence_source_and_cases_of_each_side(quick_run_dir: Path) -> None:
    data = section(card_of(quick_run_dir), "Data set")
    for words in ("Licence: CC0", "Source: nobody", "Release: 1.0", "Test: 1 case: case_4", "Spacing z (mm)"):
        assert words in data


def test_the_failed_cases_and_the_findings_of_checks_are_failure_modes(run: Path) -> None:
    change_rows(run, lambda row: row.update(status="missed", dice="0.0") if row["case"] == "case_3" else None)
    told = section(card_of(run), "Failure modes")
    assert "Missed (there, nothing predicted): case_3 (ball)." in told
    assert "27 of 28 checks passed" in told
    assert "label-border, warning" in told
    assert told.index("| case_3 |") < told.index("| case_2 |"), "the lowest Dice first"


def test_what_the_guard_saw_is_a_failure_mode(run: Path) -> None:
    note = {"reason": "volume", "evidence": "The ball has 90 mL, twice the largest.", "action": "kept"}
    change(run, "inference.json", lambda content: content["cases"][0]["guard"].append(note))
    assert "The ball has 90 mL, twice the largest." in section(card_of(run), "Failure modes")


def test_a_check_that_was_allowed_is_told(run: Path) -> None:
    def allow(content: Any) -> None:
        check = content["checks"][0]
        finding = {"case": "case_1", "evidence": "something odd"}
        check.update(status="failed", severity="warning", allowed=True, findings=[finding])

    change(run, "dataset_summary.json", allow)
    assert "warning, allowed by data.allow): case_1: something odd." in section(card_of(run), "Failure modes")


def test_the_limitations_name_few_cases_unknown_groups_and_the_choice_of_the_epoch(
    quick_run_dir: Path,
) -> None:
    told = section(card_of(quick_run_dir), "Limitations")
    assert "The validation score chose the epoch" in told
    assert "rest on 1 test case: they are indicative only" in told
    assert "No groups of cases are on record" in told


def test_groups_on_record_are_told_in_their_place(run: Path) -> None:
    def name_groups(content: Any) -> None:
        for case in content["cases"]:
            case["group"] = f"patient {case['side']}"

    change(run, "dataset_summary.json", name_groups)
    told = section(card_of(run), "Limitations")
    assert "Cases belong to 3 groups, which are patients or centres" in told
    assert "No groups" not in told


def test_a_run_of_the_last_epoch_does_not_say_that_a_score_chose_it(staged_run_dir: Path) -> None:
    told = section(card_of(staged_run_dir), "Limitations")
    assert "The validation score chose the epoch" not in told
    assert "The second network sees only what the first one found" in told


def test_the_use_of_the_test_cases_is_told_as_it_was_when_the_run_was_sealed(run: Path) -> None:
    def add(content: Any) -> None:
        content["uses"].append({**content["uses"][0], "run_id": "run_20300101_000000"})
        content["n_runs_read"] = 5

    change(run, "test_uses.json", add)
    assert "its 1 test case had been measured by 2 runs, this one included" in card_of(run)
    (run / "test_uses.json").unlink()
    assert "How often the test cases were measured is not on record." in card_of(run)


@pytest.mark.parametrize(
    "name", ["a|b", "<!-- to be written by a person: ethics -->", "a\nb", "*x* [y](z) `w`", "ж"]
)
def test_whatever_a_data_set_is_called_marks_nothing_up(run: Path, name: str) -> None:
    change(run, "dataset_summary.json", lambda content: content.update(name=name, reference=name))
    card = card_of(run)
    assert len(open_questions(card)) == len(QUESTIONS)
    assert ModelCard(card).data.eval_results[0].dataset_name == name
    tables = [line for line in card.splitlines() if line.startswith("| Spacing")]
    assert {line.count("|") for line in tables} == {6}


def test_the_card_holds_no_machine_path(quick_run_dir: Path) -> None:
    card = card_of(quick_run_dir)
    assert str(quick_run_dir.parents[2]) not in card
    assert str(Path.home()) not in card


def test_showing_a_card_imports_neither_torch_nor_monai(quick_run_dir: Path) -> None:
    code = (
        "import sys\nfrom segtrail.cli import main\n"
        f"try:\n    main(['card', {str(quick_run_dir)!r}])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'monai', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert done.stdout.splitlines()[-1] == "[]"
