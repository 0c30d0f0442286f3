"""A finished run whose names tell, and copies of it, which tests may copy and must not change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run
from segtrail.export.share_run import ShareRequest, share_run
from segtrail.progress import Narrator
from segtrail.sharing.terms import Choices

EVERYTHING = Choices(weights=True, code=True, description=True)
Command = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, named_run_dir: Path) -> Path:
    """A copy of the run that a test may add to; this machine does not know its data."""
    return copy_run(named_run_dir, tmp_path / "outputs" / "runs" / named_run_dir.name)


@pytest.fixture
def data(named_run_dir: Path) -> Path:
    """The data set of the run, which tests must not change."""
    return named_run_dir.parents[2] / "data"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, named_run_dir: Path) -> tuple[Path, Path]:
    """A shared copy with all that a person can choose, and the run that it was made of."""
    folder = tmp_path_factory.mktemp("shared")
    original = copy_run(named_run_dir, folder / "runs" / named_run_dir.name)
    made = share_run(original, ShareRequest(folder / "out", EVERYTHING), Narrator())
    return made.path, original


@pytest.fixture
def copy(tmp_path: Path, shared: tuple[Path, Path]) -> Path:
    """That copy, to be changed."""
    return copy_run(shared[0], tmp_path / shared[0].name)


@pytest.fixture
def share(tmp_path: Path, segtrail: Command) -> Command:
    """Share a run to ``tmp_path/out``."""
    return lambda run, *options: segtrail("export", run, "--share", "--output", tmp_path / "out", *options)
