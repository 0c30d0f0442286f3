"""An output folder of written runs, and its index."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from written_runs import Outputs

from segtrail.run_index.index import RunIndex
from segtrail.run_index.search import Search


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    """An output folder without a run."""
    return Outputs(tmp_path / "outputs")


@pytest.fixture
def index(outputs: Outputs, tmp_path: Path) -> RunIndex:
    """The index of that folder, not refreshed yet."""
    return RunIndex.open(outputs.root, tmp_path / "index")


@pytest.fixture
def found(index: RunIndex) -> Callable[..., list[str]]:
    """Refresh the index and give the folders that a search finds, in order."""

    def find(text: str = "", **search: Any) -> list[str]:
        index.refresh()
        return [run.folder for run in index.find(Search(text, **search)).runs]

    return find
