"""How long the parts of a run take, on the clock and on the processor."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil


@dataclass
class Spent:
    """What the parts of a run took, by their name.

    Attributes:
        seconds: Time on the clock.
        cpu_seconds: Processor time of this process and of those that it started and that have ended.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)


@contextmanager
def timed(spent: Spent, name: str) -> Iterator[None]:
    """Note what the block took, to the millisecond, also where it did not end well."""
    started, started_cpu = time.perf_counter(), _cpu_seconds()
    try:
        yield
    finally:
        spent.seconds[name] = round(time.perf_counter() - started, 3)
        spent.cpu_seconds[name] = round(_cpu_seconds() - started_cpu, 3)


def _cpu_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
