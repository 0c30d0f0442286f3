"""Archives of the finished run, which tests may copy and must not change."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segtrail.archive.archive_run import ArchiveRequest, archive_run
from segtrail.archive.description import make_retention
from segtrail.progress import Narrator

Command = Callable[..., Any]


@pytest.fixture(scope="session")
def archived(tmp_path_factory: pytest.TempPathFactory, quick_run_dir: Path) -> Path:
    """An archive of the finished run with its data."""
    retention = make_retention("study", "2036-01-01")
    request = ArchiveRequest(tmp_path_factory.mktemp("archived"), retention, with_data=True)
    return archive_run(quick_run_dir, request, Narrator()).path


@pytest.fixture
def place(tmp_path: Path, archived: Path) -> Path:
    """A copy of the folder with that archive and its data, which a test may change."""
    copy = Path(shutil.copytree(archived.parent, tmp_path / "place"))
    for path in copy.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


@pytest.fixture
def restore(tmp_path: Path, segtrail: Command) -> Command:
    """Restore an archive to ``tmp_path/back``."""
    return lambda path, *options: segtrail("restore", path, "--to", tmp_path / "back", *options)


@pytest.fixture
def nothing_restored(tmp_path: Path) -> Callable[[], bool]:
    """Tell whether a refused archive left nothing but the lock."""

    def is_so() -> bool:
        return {path.name for path in (tmp_path / "back").rglob("*")} <= {"runs", "data", ".archive.lock"}

    return is_so
