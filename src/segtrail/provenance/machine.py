"""The machine that a run is trained on, and the switches that its bits depend on."""

import os
import platform
import subprocess
import sys
from typing import Any

import psutil
import torch

from segtrail.compute import Compute, processor_name, usable_cores

# Environment variables that change what is computed, or how fast; others may hold secrets.
_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_LAUNCH_BLOCKING",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "OMP_PROC_BIND",
    "ONEDNN_MAX_CPU_ISA",
    "PYTHONHASHSEED",
    "PYTORCH_CUDA_ALLOC_CONF",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
_GIGABYTE = 1e9


def describe_machine(compute: Compute) -> tuple[dict[str, Any], list[str]]:
    """Describe Python, system, processor, memory, graphics cards, threads and switches.

    Args:
        compute: Where the run computes.

    Returns:
        The description, and a sentence for each thing that could not be found out.
    """
    cards, gaps = _describe_cards(compute)
    description = {
        **describe_hardware(),
        "graphics_cards": cards,
        "threads": {"within": torch.get_num_threads(), "between": torch.get_num_interop_threads()},
        "switches": _describe_switches(),
    }
    return description, gaps


def describe_hardware() -> dict[str, Any]:
    """Describe Python, system, processor, memory and the environment variables that change what is computed."""
    return {
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "compiler": platform.python_compiler(),
        },
        "system": _describe_system(),
        "processor": {
            "name": processor_name(),
            "architecture": platform.machine(),
            "cores": psutil.cpu_count(logical=False),
            "logical_cores": psutil.cpu_count(),
            "usable_cores": usable_cores(),
            "instructions": _instructions(),
        },
        "memory_gb": round(psutil.virtual_memory().total / _GIGABYTE, 2),
        "environment_variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def find_cards() -> list[dict[str, Any]]:
    """Ask the driver for the graphics cards of the machine, whichever of them a program uses; none without a driver."""
    cards = []
    for line in _ask_driver("name,memory.total,driver_version,power.limit"):
        name, megabytes, driver, watts = line
        card: dict[str, Any] = {"name": name, "driver": driver}
        card |= (
            {"memory_gb": round(float(megabytes) * 1024**2 / _GIGABYTE, 2)} if _is_number(megabytes) else {}
        )
        cards.append(card | ({"power_limit_watts": float(watts)} if _is_number(watts) else {}))
    return cards


def _describe_system() -> dict[str, str]:
    system = {"name": platform.system(), "release": platform.release(), "version": platform.version()}
    if sys.platform == "linux":
        try:
            return {**system, "distribution": platform.freedesktop_os_release()["PRETTY_NAME"]}
        except (OSError, KeyError):
            return system
    return system


def _instructions() -> list[str]:
    """Return the instruction sets of the processor that torch knows of."""
    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is None:  # before torch 2.10
        return [torch.backends.cpu.get_cpu_capability()]
    return sorted(name for name, has in ask().items() if has is True)


def _describe_switches() -> dict[str, Any]:
    return {
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_tf32": torch.backends.cudnn.allow_tf32,
        "matmul_precision": torch.get_float32_matmul_precision(),
        "onednn": torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]
    }


def _describe_cards(compute: Compute) -> tuple[list[dict[str, Any]], list[str]]:
    if compute.device.type != "cuda":
        return [], []
    index = torch.cuda.current_device() if compute.device.index is None else compute.device.index
    known = torch.cuda.get_device_properties(index)
    asked = _ask_about_card(index)
    card = {
        "name": known.name,
        "memory_gb": round(known.total_memory / _GIGABYTE, 2),
        "compute_capability": f"{known.major}.{known.minor}",
        "multiprocessors": known.multi_processor_count,
        **compute.libraries,
        **asked,
    }
    gaps = (
        [] if asked else ["nvidia-smi gave no answer, so the driver's version and the power are not known."]
    )
    return [card], gaps


def _ask_about_card(index: int) -> dict[str, Any]:
    """Ask for the driver's version and the most power that the card draws, in watts."""
    try:
        ((driver, watts),) = _ask_driver("driver_version,power.limit", f"--id={index}")
        return {"driver": driver, "power_limit_watts": float(watts)}
    except ValueError:
        return {}


def _ask_driver(columns: str, *options: str) -> list[list[str]]:
    """Return the cells of a line for each card; no line where nobody answers."""
    command = ["nvidia-smi", *options, f"--query-gpu={columns}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)  # noqa: S603, fixed words
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
    lines = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    return [line for line in lines if len(line) == columns.count(",") + 1]


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
