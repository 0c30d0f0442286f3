"""An output folder with a few runs, which a test may change."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run

AddRun = Callable[..., Path]


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """An output folder without a run."""
    (tmp_path / "outputs" / "runs").mkdir(parents=True)
    return tmp_path / "outputs"


@pytest.fixture
def add_run(outputs: Path, quick_run_dir: Path) -> AddRun:
    """Copy a finished run under another ID, with entries of its ``run.json`` changed."""

    def add(run_id: str, source: Path = quick_run_dir, **changes: Any) -> Path:
        run = copy_run(source, outputs / "runs" / run_id)
        state = json.loads((run / "run.json").read_text(encoding="utf-8"))
        changed = {**state, "run_id": run_id, **changes}
        (run / "run.json").write_text(json.dumps(changed, ensure_ascii=False), encoding="utf-8")
        return run

    return add
