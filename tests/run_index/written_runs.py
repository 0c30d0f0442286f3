"""Run folders with the files that the index reads, written without training."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass
class Outputs:
    """An output folder that grows run by run."""

    root: Path
    n_made: int = field(default=0)

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def add(
        self,
        run_id: str | None = None,
        *,
        dice: float | None = 0.9,
        note: str = "",
        status: str = "finished",
        learning_rate: float = 0.01,
        cases: tuple[str, ...] = ("case_1", "case_2"),
        **record: Any,
    ) -> Path:
        """Add a run; ``record`` are entries of its run.json."""
        self.n_made += 1
        folder = self.runs / (run_id or f"run_20260101_{self.n_made:06}")
        folder.mkdir(parents=True)
        write_json(folder / "run.json", {**run_json(folder.name, status, note), **record})
        config = {
            "project": {"name": "hearts", "description": "of the first year"},
            "patch": {"patch_size": [16, 16, 8]},
            "train": {"seed": 3, "batch_size": 2, "max_epochs": 2},
            "optim": {"lr": learning_rate},
        }
        (folder / "config_resolved.yaml").write_text(
            yaml.safe_dump(config, sort_keys=False), encoding="utf-8"
        )
        write_json(folder / "dataset_summary.json", dataset_summary(cases))
        (folder / "history.csv").write_text(
            "stage,epoch,val_dice,schema_version\nmain,1,0.25,1\nmain,2,,1\n", encoding="utf-8"
        )
        if dice is not None:
            write_json(folder / "metrics_summary.json", metrics_summary(dice))
        return folder


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def run_json(run_id: str, status: str, note: str) -> dict[str, Any]:
    year, month, day = run_id[4:8], run_id[8:10], run_id[10:12]
    return {
        "schema_version": 1,
        "run_id": run_id,
        "status": status,
        "created_utc": f"{year}-{month}-{day}T12:00:00Z" if year.isdigit() else "2026-01-01T12:00:00Z",
        "segtrail_version": "0.1.0",
        "project": "hearts",
        "note": note,
        "model": {"name": "fast", "parameters": 1000},
        "stages": [{"stage": "main", "name": "fast", "parameters": 1000}],
    }


def dataset_summary(cases: tuple[str, ...]) -> dict[str, Any]:
    sides = ["train", *["val"] * len(cases)]
    return {
        "schema_version": 1,
        "name": "Balls",
        "fingerprint": "f" * 64,
        "cases": [{"case": case, "side": side} for case, side in zip(cases, sides, strict=False)],
        "split": {"method": "random", "hash": "5" * 64},
    }


def metrics_summary(dice: float) -> dict[str, Any]:
    metrics = {"dice": {"mean": dice, "interval": [dice - 0.05, dice + 0.05]}, "hd95_mm": {"mean": 4.0}}
    return {
        "schema_version": 1,
        "selection": {"best_epoch": 2, "rule": "", "last_epoch": 2},
        "definitions": {},
        "splits": {"val": {"ball": {"n": 1, "n_failed": 0, "metrics": metrics}}},
    }
