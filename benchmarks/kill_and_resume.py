"""Kills a real training at random instants, goes on with it, and compares the result with that of an unbroken run.

Half of the kills come at a random time, half in the middle of a write that is being flushed to the disk. A quarter of
the runs are killed a second time while they go on. Nothing but times and memory may differ, and each run must verify.

    python benchmarks/kill_and_resume.py --kills 30 --workers 0 1 2
"""

import argparse
import contextlib
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
MEASURED = ("seconds", "patches_per_second", "peak_memory_mb")
TRAINING = (
    "configs/cpu.yaml",
    "paths.data_root=data/heart_mini",
    "split.train=[la_003,la_005,la_007,la_011]",
    "split.val=[la_004]",
    "stages.coarse.patch.patches_per_case=2",
    "stages.fine.patch.patches_per_case=2",
    "train.checkpoint_every.steps=3",
    "train.num_threads=1",
    "stages.coarse.preprocess.spacing=[5,5,5]",
    "stages.coarse.train.max_epochs=6",
    "stages.fine.train.max_epochs=2",
)


def main() -> int:
    """Run all kills and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=30, help="kills for each number of workers")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    failed = 0
    for workers in chosen.workers:
        with tempfile.TemporaryDirectory() as folder:
            failed += _try_all(Path(folder), workers, chosen.kills, random.Random(chosen.seed))
    return int(failed > 0)


def _try_all(folder: Path, workers: int, kills: int, chance: random.Random) -> int:
    training = [*TRAINING, f"train.num_workers={workers}", f"paths.cache_root={folder / 'cache'}"]
    started = time.perf_counter()
    flushes = _count_flushes(folder / "unbroken", training)
    seconds = time.perf_counter() - started
    (unbroken,) = _runs(folder / "unbroken")
    expected = result_of(unbroken)
    identical = 0
    for number in range(kills):
        output = folder / f"killed_{number}"
        where = _kill_once(output, training, seconds, flushes, chance)
        run = next((path for path in _runs(output) if (path / "run.json").is_file()), None)
        if run is None:
            where += ", before there was a run: started again"
            _call("train", *training, f"paths.output_root={output}")
            run = _runs(output)[-1]
        elif not _is_sealed(run):
            if chance.random() < 0.25:
                where += ", and again"
                _start_and_kill(["resume", str(run)], {}, chance.uniform(0, seconds))
            if not _is_sealed(run):
                _call("resume", str(run))
        same = result_of(run) == expected and _holds(run)
        identical += same
        print(
            f"workers {workers}, kill {number + 1}: {where}: {'identical' if same else 'DIFFERENT'}",
            flush=True,
        )
        shutil.rmtree(output, onerror=_make_writable)
    print(f"workers {workers}: {identical} of {kills} identical", flush=True)
    return kills - identical


def _kill_once(
    output: Path, training: Sequence[str], seconds: float, flushes: int, chance: random.Random
) -> str:
    command = ["train", *training, f"paths.output_root={output}"]
    if chance.random() < 0.5:
        number = chance.randint(1, flushes)
        _start_and_kill(command, {"DIE_IN_FLUSH": str(number)}, None)
        return f"in flush {number} of {flushes}"
    after = chance.uniform(0, seconds)
    _start_and_kill(command, {}, after)
    return f"after {after:.1f} of {seconds:.1f} s"


def _count_flushes(output: Path, training: Sequence[str]) -> int:
    count = output.parent / "flushes"
    _call("train", *training, f"paths.output_root={output}", COUNT_FLUSHES=str(count))
    return int(count.read_text(encoding="utf-8"))


def _call(*arguments: str, **variables: str) -> None:
    """Run a command of segtrail to its end."""
    subprocess.run(
        _child(arguments),
        env={**os.environ, **variables},
        check=True,
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
    )


def _start_and_kill(arguments: Sequence[str], variables: dict[str, str], after: float | None) -> None:
    """Run a command and kill it with all its processes: after some seconds, or where it kills itself."""
    process = subprocess.Popen(
        _child(arguments),
        env={**os.environ, **variables},
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _child(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve()), "--child", *arguments]


def run_child(arguments: list[str]) -> None:
    """Run segtrail; count its flushes to the disk, or die in the middle of one."""
    from segtrail.cli import main as segtrail

    flush, flushes = os.fsync, [0]
    die_in, count = int(os.environ.get("DIE_IN_FLUSH", 0)), os.environ.get("COUNT_FLUSHES")

    def watched(descriptor: int) -> None:
        flushes[0] += 1
        if flushes[0] == die_in:
            os.killpg(os.getpid(), signal.SIGKILL)
        flush(descriptor)

    os.fsync = watched  # type: ignore[assignment]
    try:
        segtrail(arguments)
    finally:
        if count is not None:
            Path(count).write_text(str(flushes[0]), encoding="utf-8")


def result_of(run: Path) -> dict[str, Any]:
    """Return everything of a run that must not depend on interruptions."""
    import torch

    with (run / "history.csv").open(encoding="utf-8", newline="") as stream:
        history = [{k: v for k, v in row.items() if k not in MEASURED} for row in csv.DictReader(stream)]
    summary = json.loads((run / "metrics_summary.json").read_text(encoding="utf-8"))
    del summary["run_id"]
    names = ["predictions/*", "metrics_cases.csv", "regions.json", "inference.json"]
    files = {path.name: path.read_bytes() for name in names for path in run.glob(name)}
    weights = {}
    for path in sorted((run / "checkpoints").rglob("*.pt")):
        for stage, state in torch.load(path, weights_only=True)["networks"].items():
            weights |= {f"{path.name} {stage} {key}": value.numpy().tobytes() for key, value in state.items()}
    return {"history": history, "summary": summary, "weights": weights, **files}


def _runs(output: Path) -> list[Path]:
    return sorted((output / "runs").glob("run_*"))


def _holds(run: Path) -> bool:
    command = [sys.executable, "-m", "segtrail", "verify", str(run)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


def _is_sealed(run: Path) -> bool:
    from segtrail.record.seal import read_seal

    return read_seal(run) is not None


def _make_writable(_function: object, path: str, _error: object) -> None:
    for part in (Path(path).parent, Path(path)):
        part.chmod(0o755)
    if Path(path).is_dir():
        shutil.rmtree(path)
    else:
        Path(path).unlink()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(sys.argv[2:])
    else:
        sys.exit(main())
