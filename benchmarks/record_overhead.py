"""Measures what journal and checkpoints cost, as a share of the time that a run trains.

python benchmarks/record_overhead.py configs/quick.yaml train.max_epochs=5
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> None:
    """Train a run and print how long its writes took."""
    from segtrail.config.load import load_config
    from segtrail.experiment.train_run import train_run
    from segtrail.progress import Narrator
    from segtrail.record.journal import Journal
    from segtrail.training.checkpoint import CheckpointFolder

    spent = {"journal": [0.0, 0], "checkpoints": [0.0, 0]}
    _watch(Journal, "write_all", spent["journal"])
    _watch(CheckpointFolder, "save", spent["checkpoints"])
    with tempfile.TemporaryDirectory() as folder:
        changes = [*arguments[1:], f"paths.output_root={folder}", "report.enabled=false"]
        run = train_run(load_config(Path(arguments[0]), changes), Narrator())
        seconds = run.folder.read_state()["seconds"]["train"]
        for path in [run.folder.path, *run.folder.path.rglob("*")]:
            path.chmod(0o755)
    for name, (total, count) in spent.items():
        print(
            f"{name}: {count} writes, {total:.3f} s, {100 * total / seconds:.2f} % of {seconds:.1f} s of training"
        )


def _watch(owner: type, method: str, spent: list[Any]) -> None:
    original: Callable[..., Any] = getattr(owner, method)

    def timed(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return original(*arguments, **options)
        finally:
            spent[0] += time.perf_counter() - started
            spent[1] += 1

    setattr(owner, method, timed)


if __name__ == "__main__":
    main(sys.argv[1:])
