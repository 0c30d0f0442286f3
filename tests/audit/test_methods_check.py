"""A methods section that the record does not give is found, also where every hash fits again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tampering import chain_anew, edit_text, remove

from run_copies import copy_run
from segtrail.audit.methods_text import check_methods
from segtrail.model_card.card import this_program

Command = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run that a test may change."""
    return copy_run(quick_run_dir, tmp_path / quick_run_dir.name)


def test_an_honest_run_passes(quick_run_dir: Path) -> None:
    assert check_methods(quick_run_dir).status == "pass"


def test_words_that_were_changed_are_found(run: Path, segtrail: Command) -> None:
    chain_anew(run, edit_text("methods.md", "The batch size was 2", "The batch size was 8"))
    answer = json.loads(segtrail("verify", run, "--json").stdout)
    check = next(check for check in answer["checks"] if check["check"] == "methods")
    assert check["status"] == "fail"
    assert check["evidence"] == ["methods.md is not what the other files of the run give"]


def test_a_reference_that_was_changed_is_found(run: Path) -> None:
    edit_text("methods.bib", "1945", "1946")(run)
    assert check_methods(run).evidence == ("methods.bib is not what the other files of the run give",)


def test_a_text_of_another_program_is_not_compared(run: Path) -> None:
    edit_text("methods.md", this_program().program_sha256, "a" * 64)(run)
    outcome = check_methods(run)
    assert outcome.status == "not checked"
    assert "another segtrail made it" in outcome.evidence[0]


def test_a_run_of_a_version_without_the_text_is_not_checked(run: Path) -> None:
    for name in ("methods.md", "methods.bib"):
        remove(name)(run)
    assert check_methods(run).status == "not checked"
