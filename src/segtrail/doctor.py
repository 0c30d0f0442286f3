"""``segtrail doctor``: what this machine has, and the runbook's remedies for what it lacks."""

import platform
import shutil
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import psutil

_GIGABYTE = 1e9
_LITTLE_MEMORY_GB = 8.0
_LITTLE_DISK_GB = 5.0
_PACKAGES = ("torch", "monai", "nibabel", "typst")


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at."""

    subject: str
    status: Literal["good", "warning", "problem"]
    finding: str
    remedy: str = ""

    def as_mapping(self) -> dict[str, str]:
        """Return the entry for JSON."""
        return asdict(self)


def examine(folder: Path) -> list[Diagnosis]:
    """Look at Python, packages, device, cores, memory and disk.

    Args:
        folder: Where runs will be written.

    Returns:
        One entry for each subject.
    """
    return [
        Diagnosis(
            "Python", "good", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
        ),
        *(_examine_package(name) for name in _PACKAGES),
        *_examine_device(),
        *_examine_processor(),
        _examine_memory(),
        _examine_disk(folder),
    ]


def _examine_package(name: str) -> Diagnosis:
    try:
        return Diagnosis(name, "good", version(name))
    except PackageNotFoundError:
        remedy = (
            "Install it with `pip install typst`; without it a run has report.html but no report.pdf."
            if name == "typst"
            else "Install segtrail again with the command of the README."
        )
        return Diagnosis(name, "warning" if name == "typst" else "problem", "not installed", remedy)


def _examine_device() -> list[Diagnosis]:
    if find_spec("torch") is None:
        return []
    import torch

    if torch.cuda.is_available():
        return [_cuda_device(index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        return [Diagnosis("GPU", "good", "Apple graphics (MPS)")]
    return [_missing_cuda(torch.version.cuda)]


def _cuda_device(index: int) -> Diagnosis:
    import torch

    properties = torch.cuda.get_device_properties(index)
    free, total = torch.cuda.mem_get_info(index)
    finding = (
        f"{properties.name}, {free / _GIGABYTE:.1f} of {total / _GIGABYTE:.1f} GB free, "
        f"driver {_driver_version()}, CUDA {torch.version.cuda}, "
        f"compute capability {properties.major}.{properties.minor}"
    )
    if free < 0.5 * total:
        return Diagnosis(
            f"GPU {index}", "warning", finding, "Another program uses this GPU; `nvidia-smi` shows which."
        )
    return Diagnosis(f"GPU {index}", "good", finding)


def _driver_version() -> str:
    """Ask NVIDIA's own tool, since torch does not tell."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "unknown"
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return next(iter(answer.stdout.split()), "unknown")


def _missing_cuda(built_for: str | None) -> Diagnosis:
    has_driver = shutil.which("nvidia-smi") is not None
    if not has_driver:
        return Diagnosis(
            "GPU",
            "warning",
            "no CUDA device; training runs on the CPU",
            "Without an NVIDIA GPU use configs/quick.yaml. With one, install its driver.",
        )
    remedy = (
        "The driver is there, but this torch is built without CUDA: install the CUDA build from pytorch.org."
        if built_for is None
        else f"torch is built for CUDA {built_for}, but finds no device: update the driver and restart the machine."
    )
    return Diagnosis(
        "GPU", "problem", f"NVIDIA driver {_driver_version()}, but torch sees no CUDA device", remedy
    )


def _examine_processor() -> list[Diagnosis]:
    if find_spec("torch") is None:
        return []
    from segtrail.compute import cpu_computes_bf16, processor_name, usable_cores

    bf16 = (
        "bf16 in hardware"
        if cpu_computes_bf16()
        else "no bf16: the network computes in fp32, about half as fast"
    )
    return [Diagnosis("CPU", "good", f"{processor_name()}, {usable_cores()} usable cores, {bf16}")]


def _examine_memory() -> Diagnosis:
    memory = psutil.virtual_memory()
    finding = f"{memory.available / _GIGABYTE:.1f} of {memory.total / _GIGABYTE:.1f} GB free"
    if memory.available < _LITTLE_MEMORY_GB * _GIGABYTE:
        return Diagnosis(
            "Memory",
            "warning",
            finding,
            "If it runs out: train.batch_size=1, patch.patch_size=[80,80,80], train.num_workers=0.",
        )
    return Diagnosis("Memory", "good", finding)


def _examine_disk(folder: Path) -> Diagnosis:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    finding = f"{free / _GIGABYTE:.1f} GB free for {folder}"
    if free < _LITTLE_DISK_GB * _GIGABYTE:
        return Diagnosis(
            "Disk", "warning", finding, "Free some space, or choose paths.output_root and cache_root."
        )
    return Diagnosis("Disk", "good", finding)
