"""What a user of segtrail waits for besides training: python everyday_segtrail.py PART SETTINGS.json."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from everyday_volumes import SPACING_MM, reference_and_prediction, write_image
from settings import Settings
from training_command import REPOSITORY, make_deletable

TOLERANCE_MM = 2.0


def load(settings: Settings) -> dict[str, Any]:
    """Read, hash and check the bytes of a volume of 320 x 320 x 130 voxels."""
    from segtrail.images.nifti import read_volume

    path = write_image(Path(settings.work) / "everyday.nii.gz")
    return {"value": seconds_of(lambda: read_volume(path)), "megabytes": path.stat().st_size / 1e6}


def write(settings: Settings) -> dict[str, Any]:
    """Write a label map of that size."""
    from segtrail.images.nifti import read_volume, write_label_map

    image = read_volume(write_image(Path(settings.work) / "everyday.nii.gz"))
    labels = reference_and_prediction()[0].astype(np.uint8)
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        path = Path(folder) / "label.nii.gz"
        return {"value": seconds_of(lambda: write_label_map(path, labels, image.placement))}


def metrics(_: Settings) -> dict[str, Any]:
    """Measure Dice, NSD, HD95 and ASSD of one class in one case of that size."""
    from segtrail.evaluation.metrics import compute_class_metrics

    reference, prediction = reference_and_prediction()
    found = compute_class_metrics(prediction, reference, SPACING_MM, [TOLERANCE_MM])
    seconds = seconds_of(lambda: compute_class_metrics(prediction, reference, SPACING_MM, [TOLERANCE_MM]))
    return {"value": seconds, "hd95_mm": found.hd95_mm, "nsd": found.nsd[TOLERANCE_MM]}


def start(_: Settings) -> dict[str, Any]:
    """Print the help of every command, each in a process of its own: the slowest one."""
    listed = subprocess.run(
        [sys.executable, "-m", "segtrail", "--help"], capture_output=True, text=True, check=True
    ).stdout
    _, _, listed = listed.partition("Commands")
    commands = re.findall(r"^│ ([a-z][a-z-]*) ", listed, flags=re.MULTILINE)
    seconds = {command: _command_seconds([command, "--help"]) for command in commands}
    slowest = max(seconds, key=lambda command: seconds[command])
    return {"value": seconds[slowest], "slowest": slowest, "commands": len(commands)}


def check(settings: Settings) -> dict[str, Any]:
    """Read, hash and check Task02_Heart for the first time, report of one page included: seconds per case."""
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        seconds = _command_seconds(["check", settings.data, "--full", "--output-root", folder])
    return {"value": seconds / (len(settings.train) + len(settings.val))}


def report(settings: Settings) -> dict[str, Any]:
    """Make the report of a run again."""
    assert settings.run is not None
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        copy = Path(folder) / Path(settings.run).name
        shutil.copytree(settings.run, copy)
        make_deletable(copy)
        return {"value": _command_seconds(["report", str(copy)])}


def verify(settings: Settings) -> dict[str, Any]:
    """Prove a run true, its data hashed too."""
    assert settings.run is not None
    return {"value": _command_seconds(["verify", settings.run, "--data", settings.data])}


def resume(settings: Settings) -> dict[str, Any]:
    """Go on with an interrupted run: seconds from the command to the first step."""
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        changes = [
            f"paths.data_root={settings.mini}",
            f"paths.output_root={folder}",
            f"paths.cache_root={settings.work}/cache",
            "patch.patches_per_case=2",
            "report.enabled=false",
        ]
        config = str(REPOSITORY / "configs" / "quick.yaml")
        with _started(["train", config, *changes]) as training:
            while not list(Path(folder).glob("runs/*/history.csv")):
                time.sleep(0.05)
            training.terminate()
        (run,) = Path(folder).glob("runs/*")
        entries = len(_entries(run))
        started = time.time()
        with _started(["resume", str(run)]) as training:
            while not (begun := [entry for entry in _entries(run)[entries:] if _is_training(entry)]):
                time.sleep(0.02)
            training.terminate()
        seconds = datetime.fromisoformat(begun[0]["time_utc"]).timestamp() - started
    return {"value": seconds}


def _entries(run: Path) -> list[dict[str, Any]]:
    lines = (run / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _is_training(entry: dict[str, Any]) -> bool:
    return bool(entry["action"] == "data used" and entry["details"]["purpose"] == "train")


def _started(arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "segtrail", *arguments], stdout=sys.stderr)


def _command_seconds(arguments: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "segtrail", *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def seconds_of(work: Callable[[], object]) -> float:
    """Time a piece of work, the second time it is done."""
    work()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


PARTS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "load": load,
    "write": write,
    "metrics": metrics,
    "start": start,
    "check": check,
    "report": report,
    "verify": verify,
    "resume": resume,
}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](Settings.read(Path(sys.argv[2])))))
