"""A tracking server in a file, and runs on it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run

Command = Callable[..., Any]


@pytest.fixture(scope="session")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of MLflow, which takes seconds to make: tests share it, with runs of their own."""
    return f"sqlite:///{(tmp_path_factory.mktemp('tracking') / 'mlflow.db').as_posix()}"


@pytest.fixture
def client(tracking_uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri)


@pytest.fixture
def to_mlflow(segtrail: Command, tracking_uri: str) -> Command:
    """Export runs to the database."""

    def run(*arguments: object) -> Any:
        return segtrail("export", *arguments, "--to", "mlflow", "--tracking-uri", tracking_uri)

    return run


@pytest.fixture
def run_dir(quick_run_dir: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of a finished run, which a test may change."""
    return copy_run(quick_run_dir, tmp_path / "outputs" / "runs" / quick_run_dir.name)


@pytest.fixture
def another_run(run_dir: Path, request: pytest.FixtureRequest) -> Callable[[], None]:
    """Make the copy a run of its own, with the first line of another journal."""

    def change() -> None:
        details = b'"details":{"of":' + json.dumps(request.node.name).encode() + b","
        journal = run_dir / "journal.jsonl"
        journal.write_bytes(journal.read_bytes().replace(b'"details":{', details, 1))

    return change
