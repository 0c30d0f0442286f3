"""An output folder with a run in it, and a browser's way to its pages."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from run_copies import copy_run

PORT = 8765
ADDRESS = f"http://127.0.0.1:{PORT}"


@dataclass
class WebSite:
    """An output folder that a test may change, and a browser's way to its pages."""

    output_root: Path
    client: TestClient

    @property
    def runs(self) -> Path:
        return self.output_root / "runs"

    def get(self, address: str, **headers: str) -> Any:
        return self.client.get(address, headers=headers)

    def views(self) -> list[dict[str, Any]]:
        """Return what the journal of views holds."""
        journal = self.output_root / "data_access.jsonl"
        lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
        return [json.loads(line) for line in lines]


def copy_of_output_root(run_dir: Path, target: Path) -> Path:
    """Copy the output folder of a run, with the note of where its data lie."""
    source = run_dir.parent.parent
    target.mkdir()
    copy_run(run_dir, target / "runs" / run_dir.name)
    shutil.copytree(source / "local_paths", target / "local_paths")
    return target
