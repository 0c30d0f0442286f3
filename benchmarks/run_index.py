"""Measures the index of runs: the first index, a refresh, and queries, over many generated run folders.

python benchmarks/run_index.py RUN [N_RUNS] [FOLDER]

Every folder has the files of RUN that the index reads, in their full size: run.json, config_resolved.yaml,
dataset_summary.json, metrics_summary.json, history.csv, journal.jsonl and manifest.json. They differ in ID, time,
project, network, settings and metrics; one in ten has a note in its addenda, one in twenty was interrupted, and one in
a hundred is damaged. Histories have 100 epochs, whatever RUN has, and data sets 100 cases, drawn from 20 splits.

What is measured: the first index from nothing, a refresh where nothing has changed, one after 20 runs have changed, and
queries, each five times, of which the slowest counts. Times on the clock hold those of whatever else the machine does.
The operating system's cache is warm.
"""

import copy
import csv
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

N_EPOCHS, N_CASES, N_SPLITS = 100, 100, 20
WORDS = ("rotation", "atrium", "baseline", "elastic", "deeper", "wider", "repeat", "scanner", "lr", "kept")
QUERIES = (
    "",
    "dice>0.8 model=dynunet since=2026-01",
    "rotation",
    "r",
    '"kept rotation" -wider',
    "case=case_042",
    "status=finished dice<0.7 seed=3",
    "notes=*atrium*",
    'problem!=""',
    "no_such_word",
)


def main(arguments: list[str]) -> None:
    """Generate the folders and print the times."""
    source = Path(arguments[0])
    n_runs = int(arguments[1]) if len(arguments) > 1 else 10_000
    place = Path(arguments[2]) if len(arguments) > 2 else Path(tempfile.mkdtemp(prefix="segtrail_runs_"))
    try:
        folders = generate(source, place / "outputs", n_runs)
        measure(place / "outputs", place / "index", folders)
    finally:
        if len(arguments) < 3:
            shutil.rmtree(place)


def generate(source: Path, output_root: Path, n_runs: int) -> list[Path]:
    """Write run folders that differ; the same call gives the same ones."""
    draw = random.Random(0)
    pattern = Pattern(source, draw)
    folders = []
    for number in range(n_runs):
        run_id = f"run_{datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=2 * number):%Y%m%d_%H%M%S}"
        folder = output_root / "runs" / run_id
        if not folder.exists():
            pattern.write(folder, number, draw)
        folders.append(folder)
    return folders


class Pattern:
    """What generated runs are made of."""

    def __init__(self, source: Path, draw: random.Random) -> None:
        self.run = _json(source / "run.json")
        self.metrics = _json(source / "metrics_summary.json")
        self.config = yaml.safe_load((source / "config_resolved.yaml").read_text(encoding="utf-8"))
        self.journal = (source / "journal.jsonl").read_text(encoding="utf-8")
        self.manifest = (source / "manifest.json").read_text(encoding="utf-8")
        self.heading, row = (source / "history.csv").read_text(encoding="utf-8").splitlines()[:2]
        self.row = next(csv.reader([row]))
        self.datasets = [_dataset(_json(source / "dataset_summary.json"), draw) for _ in range(N_SPLITS)]

    def write(self, folder: Path, number: int, draw: random.Random) -> None:
        """Write one run."""
        (folder / "addenda").mkdir(parents=True)
        status = "interrupted" if number % 20 == 7 else "finished"
        files = {
            "run.json": json.dumps(self._run(folder.name, status, number, draw), indent=2),
            "config_resolved.yaml": yaml.dump(
                self._config(number, draw), Dumper=yaml.CSafeDumper, sort_keys=False
            ),
            "dataset_summary.json": draw.choice(self.datasets),
            "history.csv": self._history(draw),
            "journal.jsonl": self.journal if status == "finished" else self.journal.partition("\n")[0] + "\n",
        }
        if status == "finished":
            files |= {"metrics_summary.json": self._metrics(draw), "manifest.json": self.manifest}
        if number % 10 == 3:
            note = {
                "schema_version": 1,
                "run_id": folder.name,
                "text": " ".join(draw.choices(WORDS, k=12)),
                "written_by": None,
                "written_utc": self.run["created_utc"],
            }
            files["addenda/note_20260101_000000.json"] = json.dumps(note)
        if number % 100 == 50:
            files["run.json"] = files["run.json"][:200]
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")

    def _run(self, run_id: str, status: str, number: int, draw: random.Random) -> dict[str, Any]:
        created = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=2 * number)
        model = {
            "name": draw.choice(["unet3d", "dynunet", "segresnet", "fast"]),
            "parameters": draw.randrange(10**7),
        }
        return {
            **self.run,
            "run_id": run_id,
            "status": status,
            "created_utc": f"{created:%Y-%m-%dT%H:%M:%SZ}",
            "note": " ".join(draw.choices(WORDS, k=8)),
            "project": f"project_{number % 30}",
            "model": {**self.run["model"], **model},
            "stages": [{**self.run["stages"][0], **model}],
        }

    def _config(self, number: int, draw: random.Random) -> dict[str, Any]:
        config = copy.deepcopy(self.config)
        config["train"] |= {"seed": number % 5, "batch_size": draw.choice([1, 2, 4]), "max_epochs": N_EPOCHS}
        config["optim"]["lr"] = draw.choice([1e-4, 1e-3, 3e-3])
        return config

    def _history(self, draw: random.Random) -> str:
        place = self.heading.split(",").index("epoch")
        score = self.heading.split(",").index("val_dice")
        rows = []
        for epoch in range(1, N_EPOCHS + 1):
            row = [*self.row]
            row[place], row[score] = str(epoch), str(draw.random())
            rows.append(",".join(row))
        return "\n".join([self.heading, *rows, ""])

    def _metrics(self, draw: random.Random) -> str:
        metrics = copy.deepcopy(self.metrics)
        for summary in metrics["splits"]["val"].values():
            summary["metrics"]["dice"]["mean"] = draw.uniform(0.5, 0.95)
            summary["metrics"]["hd95_mm"]["mean"] = draw.uniform(2, 40)
        return json.dumps(metrics, indent=2)


def _dataset(summary: dict[str, Any], draw: random.Random) -> str:
    case = next(case for case in summary["cases"] if case["side"] == "train")
    sides = draw.choices(["train", "val", "test"], weights=[7, 2, 1], k=N_CASES)
    cases = [{**case, "case": f"case_{number:03}", "side": side} for number, side in enumerate(sides)]
    return json.dumps({**summary, "name": f"Set {draw.randrange(5)}", "cases": cases}, indent=2)


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def measure(output_root: Path, index_folder: Path, folders: list[Path]) -> None:
    """Print how long each kind of work takes."""
    from segtrail.run_index.index import RunIndex
    from segtrail.run_index.search import Search

    with RunIndex.open(output_root, index_folder) as index:
        _print("first index", *timed(index.rebuild))
        _print("refresh, nothing changed", *timed(index.refresh))
        for folder in folders[:20]:
            (folder / "run.json").touch()
        _print("refresh, 20 changed", *timed(index.refresh))
        for text in QUERIES:
            asked = [timed(lambda text=text: index.find(Search(text, sort="dice"))) for _ in range(5)]
            slowest = [max(times) for times in list(zip(*asked, strict=True))[1:]]
            _print(f"query {text!r}", f"{asked[0][0].total} found", *slowest)
        size = sum(path.stat().st_size for path in index_folder.iterdir())
        print(f"size of the index: {size / 1e6:.1f} MB")


def _print(what: str, answer: Any, seconds: float, cpu_seconds: float) -> None:
    print(f"{what}: {seconds:.3f} s, of which {cpu_seconds:.3f} s of processor time; {answer}")


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what some work gives, its seconds on the clock and those of the processor."""
    started, used = time.perf_counter(), time.process_time()
    return work(), time.perf_counter() - started, time.process_time() - used


if __name__ == "__main__":
    main(sys.argv[1:])
