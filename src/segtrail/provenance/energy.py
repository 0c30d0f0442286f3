"""An estimate of the energy that a run used.

The formula is that of Green Algorithms (Lannelongue, Grealey and Inouye, Advanced Science 2021, 2100707): power of the
cores in use, of the memory and of the graphics card, times the time. The defaults are its own for a processor that is
not in its tables. Cooling is left out (a power usage effectiveness of 1).
"""

from typing import Any

CORE_WATTS = 12.0
MEMORY_WATTS_PER_GB = 0.3725
METHOD = (
    f"estimate: processor time x {CORE_WATTS:g} W, peak memory x {MEMORY_WATTS_PER_GB:g} W/GB x wall time, "
    "graphics card at its power limit while in use; cooling left out (Green Algorithms, doi:10.1002/advs.202100707)"
)
_JOULES_PER_KWH = 3.6e6


def estimate_energy(
    *, wall_seconds: float, cpu_seconds: float, memory_gb: float, gpu_seconds: float, gpu_watts: float | None
) -> dict[str, Any]:
    """Estimate the energy of a run.

    Args:
        wall_seconds: How long it took.
        cpu_seconds: Processor time of all its processes.
        memory_gb: The most memory that it held, in 10^9 bytes.
        gpu_seconds: How long it held a graphics card; 0 without one.
        gpu_watts: The most power that the card draws; None where it is not known.

    Returns:
        ``kwh`` (None where the card's power is not known), what it was computed from, and ``method``.
    """
    is_known = gpu_watts is not None or not gpu_seconds
    joules = (
        cpu_seconds * CORE_WATTS
        + memory_gb * MEMORY_WATTS_PER_GB * wall_seconds
        + gpu_seconds * (gpu_watts or 0.0)
    )
    return {
        "kwh": joules / _JOULES_PER_KWH if is_known else None,
        "wall_seconds": wall_seconds,
        "cpu_seconds": cpu_seconds,
        "memory_gb": memory_gb,
        "gpu_seconds": gpu_seconds,
        "gpu_watts": gpu_watts,
        "method": METHOD,
    }
