"""A sign-off is of exactly one sealed run; verifying tells who signed, and finds one of another run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tampering import append, chain_anew

from run_copies import copy_run
from segtrail.record.addenda import Addenda

Command = Callable[..., Any]
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run that a test may change."""
    return copy_run(quick_run_dir, tmp_path / quick_run_dir.name)


@pytest.fixture
def signed_off(run: Path, segtrail: Command) -> Path:
    """The same run, signed off by one person."""
    result = segtrail(
        "signoff", run, "--name", "Ada Lovelace", "--meaning", "reviewed", "--note", "all pages"
    )
    assert result.exit_code == 0, result.stderr
    return run


def statement_of(run: Path) -> dict[str, Any]:
    (path,) = (run / "addenda").glob("signoff_*.json")
    return json.loads(path.read_text(encoding="utf-8"))


def signoff_check(answer: str) -> dict[str, Any]:
    return next(check for check in json.loads(answer)["checks"] if check["check"] == "signoff")


def test_a_sign_off_holds_name_time_meaning_fingerprint_and_seal(signed_off: Path) -> None:
    schema = json.loads((SCHEMAS / "signoff.schema.json").read_text(encoding="utf-8"))
    statement = statement_of(signed_off)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(statement)] == []
    assert (statement["name"], statement["meaning"], statement["note"]) == (
        "Ada Lovelace",
        "reviewed",
        "all pages",
    )


def test_verifying_lists_who_signed_off_with_what_meaning(signed_off: Path, segtrail: Command) -> None:
    segtrail("signoff", signed_off, "--name", "Grace Hopper", "--meaning", "approved")
    result = segtrail("verify", signed_off, "--json")
    assert result.exit_code == 0, result.stdout
    check = signoff_check(result.stdout)
    assert check["status"] == "pass"
    assert [text.split(", 20")[0] for text in check["evidence"]] == [
        "signed off by Ada Lovelace, reviewed",
        "signed off by Grace Hopper, approved",
    ]
    reading = json.loads(result.stdout)["checklist"][5]
    assert reading["status"] == "not checked"
    assert "signed off by Ada Lovelace, reviewed" in reading["evidence"]


def test_the_answer_in_json_is_the_statement_and_its_file(run: Path, segtrail: Command) -> None:
    result = segtrail("signoff", run, "--name", "Ada", "--meaning", "authored", "--json")
    answer = json.loads(result.stdout)
    path = Path(answer.pop("signoff"))
    assert json.loads(path.read_text(encoding="utf-8")) == answer


def test_a_run_without_sign_offs_has_no_such_check(run: Path, segtrail: Command) -> None:
    checks = json.loads(segtrail("verify", run, "--json").stdout)["checks"]
    assert "signoff" not in [check["check"] for check in checks]


@pytest.mark.parametrize(
    ("key", "words"),
    [("fingerprint", "signed off another fingerprint"), ("seal_sha256", "signed off another seal")],
)
def test_a_sign_off_of_another_run_fails(run: Path, segtrail: Command, key: str, words: str) -> None:
    segtrail("signoff", run, "--name", "Ada Lovelace", "--meaning", "reviewed")
    statement = statement_of(run) | {key: "0" * 64}
    Addenda(run, None).add_file("signoff_20260101_000000.json", json.dumps(statement).encode(), "signed off")
    result = segtrail("verify", run, "--json")
    assert result.exit_code == 1
    assert f"Ada Lovelace (reviewed) {words}" in " ".join(signoff_check(result.stdout)["evidence"])


def test_a_sign_off_does_not_hold_of_a_run_that_was_written_anew(signed_off: Path, segtrail: Command) -> None:
    chain_anew(signed_off, append("train.log", b"more\n"))
    result = segtrail("verify", signed_off, "--json")
    assert result.exit_code == 1
    assert signoff_check(result.stdout)["status"] == "fail"


@pytest.mark.parametrize("content", [b"{}", b"[]", b"no JSON", b'{"schema_version": 2}', b"\xff"])
def test_a_sign_off_that_was_edited_is_named(signed_off: Path, segtrail: Command, content: bytes) -> None:
    (path,) = (signed_off / "addenda").glob("signoff_*.json")
    path.write_bytes(content)
    result = segtrail("verify", signed_off, "--json")
    assert result.exit_code == 1
    assert signoff_check(result.stdout)["evidence"] == [f"addenda/{path.name} is not what was signed off"]


def test_a_statement_that_is_none_fails_where_its_journal_fits(run: Path, segtrail: Command) -> None:
    Addenda(run, None).add_file("signoff_20260101_000000.json", b'{"schema_version": 2}', "signed off")
    result = segtrail("verify", run, "--json")
    assert result.exit_code == 1
    assert "schema_version" in signoff_check(result.stdout)["evidence"][0]


def test_other_line_ends_are_no_change(signed_off: Path, segtrail: Command) -> None:
    for path in (signed_off / "addenda").iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert segtrail("verify", signed_off).exit_code == 0


def test_a_run_that_was_changed_is_not_signed_off(run: Path, segtrail: Command) -> None:
    (run / "train.log").write_text("All went well.", encoding="utf-8")
    result = segtrail("signoff", run, "--name", "Ada", "--meaning", "reviewed")
    assert result.exit_code == 1
    assert "is not what was sealed: train.log was" in result.stderr
    assert not list((run / "addenda").iterdir())


def test_a_run_that_is_not_sealed_is_not_signed_off(run: Path, segtrail: Command) -> None:
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (run / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
    result = segtrail("signoff", run, "--name", "Ada", "--meaning", "reviewed")
    assert result.exit_code == 2
    assert "is not sealed" in result.stderr


@pytest.mark.parametrize(
    ("name", "meaning", "words"),
    [
        (" ", "reviewed", "--name is empty"),
        ("Ada", "", "--meaning is empty"),
        ("Ada\nLovelace", "reviewed", "more than one line"),
        ("A" * 201, "reviewed", "at most 200"),
        ("Ada\x1b[2J", "reviewed", "control characters"),
    ],
)
def test_a_name_or_meaning_that_can_not_be_printed_is_refused(
    run: Path, segtrail: Command, name: str, meaning: str, words: str
) -> None:
    result = segtrail("signoff", run, "--name", name, "--meaning", meaning)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not list((run / "addenda").iterdir())
