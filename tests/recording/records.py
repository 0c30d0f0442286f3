"""Reading the record of a command."""

import json
from pathlib import Path
from typing import Any


def read_state(run: Path) -> dict[str, Any]:
    """Return ``run.json``."""
    state: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return state


def lines_about(run: Path, action: str) -> list[dict[str, Any]]:
    """Return the details of the lines of a journal about something."""
    lines = [json.loads(line) for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line["details"] for line in lines if line["action"] == action]
