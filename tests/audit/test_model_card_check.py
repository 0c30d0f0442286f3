"""A model card that the record does not give is found, also where every hash fits again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tampering import chain_anew, edit_text

from run_copies import copy_run

Command = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run that a test may change."""
    return copy_run(quick_run_dir, tmp_path / quick_run_dir.name)


def check_of(run: Path, segtrail: Command) -> dict[str, Any]:
    answer = json.loads(segtrail("verify", run, "--json").stdout)
    return next(check for check in answer["checks"] if check["check"] == "model_card")


def by_another_program(run: Path) -> None:
    lines = (run / "model_card.md").read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [
        "  program_sha256: another\n" if line.startswith("  program_sha256") else line for line in lines
    ]
    (run / "model_card.md").write_text("".join(changed), encoding="utf-8", newline="\n")


@pytest.mark.requirement("GOV-03")
def test_words_that_were_changed_are_found(run: Path, segtrail: Command) -> None:
    chain_anew(run, edit_text("model_card.md", "## Limitations", "## Strengths"))
    check = check_of(run, segtrail)
    assert check["status"] == "fail"
    assert check["evidence"] == ["model_card.md is not what the other files of the run give"]


@pytest.mark.requirement("GOV-03")
def test_a_figure_that_was_changed_is_found_whichever_program_made_the_card(
    run: Path, segtrail: Command
) -> None:
    def change(run: Path) -> None:
        by_another_program(run)
        edit_text("model_card.md", "      value: 0.", "      value: 9.")(run)

    chain_anew(run, change)
    check = check_of(run, segtrail)
    assert check["status"] == "fail"
    assert "for dice of ball on test cases, metrics_summary.json 0." in check["evidence"][0]


def test_the_card_of_another_program_is_compared_by_its_figures(run: Path, segtrail: Command) -> None:
    chain_anew(run, by_another_program)
    check = check_of(run, segtrail)
    assert check["status"] == "pass"
    assert "another segtrail made it, so its words were not compared" in check["evidence"][0]


def test_metrics_that_were_changed_do_not_fit_the_card(run: Path, segtrail: Command) -> None:
    def change(run: Path) -> None:
        path = run / "metrics_summary.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["splits"]["val"]["ball"]["metrics"]["dice"]["mean"] = 0.99
        path.write_text(json.dumps(content), encoding="utf-8")

    chain_anew(run, change)
    assert check_of(run, segtrail)["status"] == "fail"


@pytest.mark.parametrize(
    "content", ["no card", "---\nsegtrail: 1\n---\n", "---\n[\n---\n", "---\nmodel-index: [1]\n---\n"]
)
def test_a_card_that_is_none_is_a_fault_and_no_stumbling(run: Path, segtrail: Command, content: str) -> None:
    chain_anew(run, lambda run: (run / "model_card.md").write_text(content, encoding="utf-8") and None)
    check = check_of(run, segtrail)
    assert check["status"] == "fail"
    assert "model card" in check["evidence"][0]


def test_a_run_without_a_card_is_not_checked_and_may_get_one(run: Path, segtrail: Command) -> None:
    chain_anew(run, lambda run: (run / "model_card.md").unlink())
    assert check_of(run, segtrail)["status"] == "not checked"
    assert "# Model card" in segtrail("card", run).stdout


def test_a_card_with_answers_that_was_edited_is_found(run: Path, segtrail: Command) -> None:
    path = run.parent / "answers.yaml"
    path.write_text(
        f"schema_version: 1\nrun_id: {run.name}\nanswers: {{contact: A. Name}}\n", encoding="utf-8"
    )
    assert segtrail("card", run, "--answers", path).exit_code == 0
    (card,) = (run / "addenda").glob("model_card_*.md")
    card.write_text(
        card.read_text(encoding="utf-8").replace("A. Name", "B. Name"), encoding="utf-8", newline="\n"
    )
    result = segtrail("verify", run)
    assert result.exit_code == 1
    assert f"addenda/{card.name} was edited" in result.stdout
