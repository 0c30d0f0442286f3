"""Anonymous memory of a command with all the processes that it starts, and the volumes to measure it on."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import psutil

SHAPE = (64, 64, 48)
_KIB_PER_MIB = 1024.0
_BETWEEN_LOOKS_SECONDS = 0.2


def make_volumes(folder: Path, n_volumes: int) -> Path:
    """Write a data set of noise with a ball in each volume, unless it is there.

    Args:
        folder: Where data sets are kept.
        n_volumes: Volumes in it.

    Returns:
        Its folder.
    """
    root = folder / f"balls_{n_volumes}"
    if (root / "dataset.json").exists():
        return root
    for part in ("imagesTr", "labelsTr"):
        (root / part).mkdir(parents=True, exist_ok=True)
    places = np.stack(np.indices(SHAPE), axis=-1)
    names = [f"ball_{number:04d}.nii.gz" for number in range(n_volumes)]
    for number, name in enumerate(names):
        generator = np.random.default_rng(number)
        centre = generator.uniform(20, 28, size=3)
        label = (np.linalg.norm(places - centre, axis=-1) < generator.uniform(8, 14)).astype(np.uint8)
        image = generator.normal(100, 10, SHAPE) + 60 * label
        nibabel.Nifti1Image(image.astype(np.int16), np.eye(4)).to_filename(root / "imagesTr" / name)
        nibabel.Nifti1Image(label, np.eye(4)).to_filename(root / "labelsTr" / name)
    description = {
        "name": f"Balls{n_volumes}",
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "ball"},
        "training": [{"image": f"imagesTr/{name}", "label": f"labelsTr/{name}"} for name in names],
    }
    (root / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    return root


def peak_above_imports_mib(command: Sequence[str], imports: str) -> float:
    """Run a command and return the most anonymous memory it held, over what importing its libraries takes.

    Args:
        command: The command.
        imports: What it imports, as Python.

    Returns:
        MiB, summed over its processes; what several share counts once.
    """
    waiting = f"{imports}\nimport sys, time\nprint(flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", waiting], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        baseline = _anonymous_mib(process.pid)
        process.kill()
    peak = 0.0
    with subprocess.Popen(command, stdout=sys.stderr) as process:
        while process.poll() is None:
            peak = max(peak, _anonymous_mib(process.pid))
            time.sleep(_BETWEEN_LOOKS_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak - baseline


def _anonymous_mib(pid: int) -> float:
    """Sum the anonymous and the shared memory of a process and its children; Linux alone tells them."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(_own_share_mib(member.pid) for member in family)


def _own_share_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0.0
    kib = sum(int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return kib / _KIB_PER_MIB
