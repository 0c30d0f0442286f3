"""Runs to compare, made without training."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from synthetic_runs import Results, make_run

Command = Callable[..., Any]


@pytest.fixture
def new_run(tmp_path: Path, quick_run_dir: Path) -> Callable[..., Path]:
    """Make a run of one class, ``ball``, from a Dice for each case, or from a Dice for each case and class."""
    numbers = iter(range(1, 100))

    def make(results: Mapping[str, Any], **options: Any) -> Path:
        full: Results = {
            case: value if isinstance(value, Mapping) else {"ball": value} for case, value in results.items()
        }
        return make_run(quick_run_dir, tmp_path / "outputs" / "runs", next(numbers), full, **options)

    return make


@pytest.fixture
def compare(segtrail: Command) -> Callable[..., dict[str, Any]]:
    """Compare runs and return the one JSON object."""

    def run(*arguments: object) -> dict[str, Any]:
        answer = segtrail("compare", *arguments, "--json")
        assert answer.exit_code == 0, answer.stderr
        found: dict[str, Any] = json.loads(answer.stdout)
        return found

    return run
