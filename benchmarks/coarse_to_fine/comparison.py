"""Cross-validates changes of configs/cpu.yaml, two at a time, each on one thread, and compares them case by case."""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
Changes = tuple[str, ...]
HEADER = (
    "| candidate | Dice | difference (cases better) | NSD at 2 mm | HD95 (mm): mean, most | epoch (s) |",
    "| --- | --- | --- | --- | --- | --- |",
)


@dataclass(frozen=True)
class Comparison:
    """What is compared, and where its runs lie.

    Attributes:
        candidates: For each its changes of the configuration; the first is the one to compare with.
        n_folds: Folds of each cross-validation.
        work: Folder for the runs.
        data: Task02_Heart.
    """

    candidates: Mapping[str, Changes]
    n_folds: int
    work: Path
    data: Path

    def run(self) -> None:
        """Train what is missing and print the table; stopped and called again, it goes on."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            for _ in pool.map(self._cross_validate, self.candidates):
                pass
        print("\n".join(self.table()))

    def table(self) -> list[str]:
        """Return a table in Markdown of the candidates all of whose folds are done."""
        lines = list(HEADER)
        base: dict[str, float] = {}
        for name in self.candidates:
            folder = self._finished(name)
            if folder is None:
                lines.append(f"| {name} | not done | | | | |")
                continue
            rows = read_rows(folder / "metrics_cases.csv")
            dice = {row["case"]: float(row["dice"]) for row in rows}
            base = base or dice
            lines.append(f"| {name} | {describe(rows, dice, base)} | {_fastest_epoch(folder):.1f} |")
        return lines

    def _cross_validate(self, name: str) -> None:
        if self._finished(name) is not None:
            return
        output = self._output(name)
        output.mkdir(parents=True, exist_ok=True)
        begun = sorted(output.glob("cv/*/cv.json"))
        how = ["--resume", str(begun[-1].parent)] if begun else self._first_command(name)
        with (output / "log.txt").open("a", encoding="utf-8") as log:
            subprocess.run(
                [sys.executable, "-m", "segtrail", "cv", *how],
                cwd=Path(__file__).parent,  # where variant_parts.py is found
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )

    def _first_command(self, name: str) -> list[str]:
        paths = (
            f"paths.data_root={self.data}",
            f"paths.output_root={self._output(name)}",
            f"paths.cache_root={self.work / 'cache'}",
        )
        common = (*paths, "train.num_threads=1", "report.enabled=false")
        config = str(REPOSITORY / "configs" / "cpu.yaml")
        return [config, *common, *self.candidates[name], "--folds", str(self.n_folds)]

    def _output(self, name: str) -> Path:
        return self.work / "".join(letter if letter.isalnum() else "_" for letter in name)

    def _finished(self, name: str) -> Path | None:
        return finished_folder(self._output(name))


def run_comparison(candidates: Mapping[str, Changes], n_folds: int, purpose: str) -> None:
    """Read the command line and run a comparison.

    Args:
        candidates: What is compared; the first always takes part.
        n_folds: Folds of each cross-validation, where the command line gives none.
        purpose: What the command is for.
    """
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("work", type=Path, help="folder for the runs")
    parser.add_argument("--data", type=Path, required=True, help="Task02_Heart")
    parser.add_argument("--only", nargs="+", choices=candidates, default=list(candidates))
    parser.add_argument("--folds", type=int, default=n_folds, help=f"folds of each, {n_folds} by default")
    chosen = parser.parse_args()
    first = next(iter(candidates))
    taken = {name: changes for name, changes in candidates.items() if name in (first, *chosen.only)}
    Comparison(taken, chosen.folds, chosen.work.resolve(), chosen.data.resolve()).run()


def finished_folder(output: Path) -> Path | None:
    """Return the folder of the finished cross-validation among the outputs of a candidate."""
    for record in output.glob("cv/*/cv.json"):
        if json.loads(record.read_text(encoding="utf-8"))["status"] == "finished":
            return record.parent
    return None


def describe(rows: Sequence[Mapping[str, str]], dice: Mapping[str, float], base: Mapping[str, float]) -> str:
    """Return the middle of a row: Dice, difference to the first candidate, NSD and HD95."""
    differences = [dice[case] - base[case] for case in dice]
    better = sum(difference > 0 for difference in differences)
    nsd, hd95 = ([float(row[column]) for row in rows] for column in ("nsd_2mm", "hd95_mm"))
    return (
        f"{statistics.mean(dice.values()):.4f} | {statistics.mean(differences):+.4f} ({better} of {len(dice)}) | "
        f"{statistics.mean(nsd):.3f} | {statistics.mean(hd95):.2f}, {max(hd95):.1f}"
    )


def _fastest_epoch(folder: Path) -> float:
    """Return the seconds of the fastest epoch of the last network: the one that other work disturbed the least."""
    record = json.loads((folder / "cv.json").read_text(encoding="utf-8"))
    runs = [folder.parents[1] / "runs" / fold["run_id"] for fold in record["folds"]]
    histories = [read_rows(run / "history.csv") for run in runs]
    return min(
        float(row["seconds"]) for rows in histories for row in rows if row["stage"] == rows[-1]["stage"]
    )


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
