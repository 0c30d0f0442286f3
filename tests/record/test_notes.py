"""A note comes to any run, and is proved like the rest of its record."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from run_copies import copy_run, unseal
from segtrail.record.run_folder import RunFolder

Command = Callable[..., Any]
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.fixture
def sealed(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run that a test may change."""
    return copy_run(quick_run_dir, tmp_path / quick_run_dir.name)


@pytest.fixture
def unsealed(sealed: Path) -> Path:
    """The same, as it was before its files were listed."""
    return unseal(sealed)


def actions(journal: Path) -> list[str]:
    return [json.loads(line)["action"] for line in journal.read_text(encoding="utf-8").splitlines()]


def test_a_note_on_a_sealed_run_is_a_file_that_verifying_proves(sealed: Path, segtrail: Command) -> None:
    text = "Gut genug – 很好.\nSecond line | with a pipe"
    assert segtrail("note", sealed, text, "--name", "Ada Lovelace").exit_code == 0
    (path,) = (sealed / "addenda").glob("note_*.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    schema = json.loads((SCHEMAS / "note.schema.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(content)] == []
    assert (content["text"], content["written_by"]) == (text, "Ada Lovelace")
    assert segtrail("verify", sealed).exit_code == 0
    path.write_text(path.read_text(encoding="utf-8").replace("Gut genug", "Sehr gut"), encoding="utf-8")
    result = segtrail("verify", sealed)
    assert result.exit_code == 1
    assert f"addenda/{path.name} was edited" in result.stdout


def test_notes_of_one_second_both_stay(sealed: Path, segtrail: Command) -> None:
    for text in ("one", "two"):
        assert segtrail("note", sealed, text).exit_code == 0
    assert len(list((sealed / "addenda").glob("note_*.json"))) == 2
    assert segtrail("verify", sealed).exit_code == 0


def test_a_note_on_a_run_that_is_not_sealed_is_a_line_which_the_seal_closes(
    unsealed: Path, segtrail: Command
) -> None:
    result = segtrail("note", unsealed, "looked at by eye", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["text"] == "looked at by eye"
    assert actions(unsealed / "journal.jsonl")[-1] == "noted"
    assert segtrail("seal", unsealed).exit_code == 0
    result = segtrail("verify", unsealed)
    assert result.exit_code == 0, result.stdout


def test_a_run_that_was_killed_behind_the_line_of_its_checkpoint_goes_on_after_a_note(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    segtrail("train", tiny_config, "report.enabled=false")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    killed = copy_run(run, tmp_path / "killed" / "runs" / run.name)
    lines = (killed / "journal.jsonl").read_bytes().splitlines(keepends=True)
    written = actions(killed / "journal.jsonl").index("checkpoint written")
    (killed / "journal.jsonl").write_bytes(b"".join(lines[: written + 1]))
    for path in [*killed.glob("checkpoints/*"), killed / "history.csv", killed / "manifest.json"]:
        path.unlink()
    RunFolder(killed).write_state(status="running")
    assert segtrail("note", killed, "the power was cut").exit_code == 0
    result = segtrail("resume", killed, "--data", tmp_path / "data")
    assert result.exit_code == 0, result.stderr
    assert segtrail("verify", killed).exit_code == 0


def test_a_run_at_work_takes_no_note(unsealed: Path, segtrail: Command) -> None:
    before = (unsealed / "journal.jsonl").read_bytes()
    with RunFolder(unsealed).held():
        result = segtrail("note", unsealed, "still going")
    assert result.exit_code == 2
    assert "Another program works in" in result.stderr
    assert (unsealed / "journal.jsonl").read_bytes() == before


def test_a_note_names_no_path_of_this_machine(sealed: Path, segtrail: Command) -> None:
    segtrail("note", sealed, "its data lie in /srv/hospital/scans now")
    (path,) = (sealed / "addenda").glob("note_*.json")
    assert json.loads(path.read_text(encoding="utf-8"))["text"] == "its data lie in ${path}/scans now"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n ", "is empty"),
        ("x" * 10_001, "has 10,001 characters; at most 10,000 are taken"),
        ("bell\x07", "control characters"),
        ("\udcff", "control characters"),
    ],
)
def test_a_note_that_can_not_be_kept_is_refused(
    sealed: Path, segtrail: Command, text: str, words: str
) -> None:
    result = segtrail("note", sealed, text)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not list((sealed / "addenda").iterdir())


def test_a_run_without_a_journal_is_told(unsealed: Path, segtrail: Command) -> None:
    (unsealed / "journal.jsonl").unlink()
    result = segtrail("note", unsealed, "an old run")
    assert result.exit_code == 2
    assert "has no journal for a note" in result.stderr
    assert not (unsealed / "journal.jsonl").exists()


def test_a_run_without_run_json_is_told(sealed: Path, segtrail: Command) -> None:
    (sealed / "run.json").unlink()
    assert "neither a run folder nor the ID" in segtrail("note", sealed, "text").stderr
