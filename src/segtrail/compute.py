"""The device a network runs on, its arithmetic, and the switches that make it repeatable."""

import contextlib
import os
import platform
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import psutil
import torch

from segtrail.config.schema import DEVICE_PATTERN, TrainConfig
from segtrail.errors import InputError
from segtrail.memory_reuse import keep_freed_memory

Precision = Literal["fp32", "bf16", "fp16"]
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Compute:
    """Where and how a network computes.

    Attributes:
        device: The torch device.
        precision: Arithmetic of the network; losses and metrics are float32 or better.
        threads: CPU threads.
        deterministic: Whether only repeatable algorithms are used.
        remark: A sentence on a choice that the user should know of, or nothing.
    """

    device: torch.device
    precision: Precision
    threads: int
    deterministic: bool
    remark: str = ""

    @property
    def device_name(self) -> str:
        """The name of the processor or graphics card."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return processor_name()

    @property
    def instructions(self) -> str:
        """The instructions of the processor that torch computes with, on which the last bits depend."""
        return torch.backends.cpu.get_cpu_capability()

    @property
    def libraries(self) -> dict[str, str]:
        """The versions of the libraries that compute on the device, as far as they can differ from torch's own."""
        if self.device.type != "cuda":
            return {}
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        return {"cuda": str(torch.version.cuda), "cudnn": str(cudnn)}

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which the network computes in its precision."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=_DTYPES[self.precision])

    def memory_bytes(self) -> int:
        """Return the memory of the device; the whole of it, so that a choice by it is the same every time."""
        if self.device.type == "cuda":
            return int(torch.cuda.mem_get_info(self.device)[1])
        return int(psutil.virtual_memory().total)


def set_up_compute(config: TrainConfig) -> Compute:
    """Choose device and precision, and set torch's global switches accordingly.

    Args:
        config: The ``train`` section.

    Returns:
        The choice.

    Raises:
        InputError: The configuration asks for a device or precision that this machine lacks.
    """
    device = _choose_device(config.device)
    precision, remark = _choose_precision(config.precision, device)
    threads = config.num_threads or usable_cores()
    torch.set_num_threads(threads)
    keep_freed_memory()
    if config.deterministic:
        # cuBLAS reads this when CUDA starts, which has not happened yet in a fresh process.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
    # use_deterministic_algorithms sets the same switch, but imports torch's compiler first: two seconds
    torch.set_deterministic_debug_mode("error" if config.deterministic else "default")
    return Compute(device, precision, threads, config.deterministic, remark)


def usable_cores() -> int:
    """Count the CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name() -> str:
    """Return the processor's model name, as far as the system tells it."""
    if platform.system() == "Linux":
        with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as stream:  # noqa: PTH123
            for line in stream:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_computes_bf16() -> bool:
    """Tell whether this CPU has bf16 arithmetic in hardware."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and _has_bf16_instructions()
    except (AttributeError, RuntimeError):
        return False


def _has_bf16_instructions() -> bool:
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is not None:
        known = capabilities()
        return any(bool(known.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe()) if probe is not None else False


def _choose_device(wanted: str) -> torch.device:
    if re.fullmatch(DEVICE_PATTERN, wanted) is None:
        raise InputError(f"There is no device {wanted!r}; expected auto, cpu, mps, cuda or cuda:N.")
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda":
        _require_cuda(device)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(
            "The device is to be mps, but this machine has no Apple graphics that torch can use. Use auto."
        )
    return device


def _require_cuda(device: torch.device) -> None:
    if not torch.cuda.is_available():
        raise InputError(
            f"The device is to be {device}, but torch finds no CUDA device here. Use auto or cpu, "
            "or see `segtrail doctor` for what is missing."
        )
    if (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"The device is to be {device}, but there are only {torch.cuda.device_count()} CUDA devices."
        )


def _choose_precision(wanted: str, device: torch.device) -> tuple[Precision, str]:
    if wanted == "fp16" and device.type == "cpu":
        raise InputError("train.precision is fp16, which needs a GPU. Use auto, bf16 or fp32 on a CPU.")
    if wanted == "bf16" and device.type == "mps":
        raise InputError("train.precision is bf16, which Apple MPS does not train in. Use auto or fp32.")
    if wanted in ("fp32", "bf16", "fp16"):
        return wanted, ""  # type: ignore[return-value]
    if device.type == "cuda":
        return ("bf16", "") if torch.cuda.is_bf16_supported(including_emulation=False) else ("fp16", "")
    if device.type == "cpu" and cpu_computes_bf16():
        return "bf16", ""
    if device.type == "cpu":
        return "fp32", "This CPU has no bf16 arithmetic; the network computes in fp32, about half as fast."
    return "fp32", ""
