"""Measuring sides in turn, so that whatever else the machine does falls on all of them alike."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

HERE = Path(__file__).parent
# A peer is stopped at this many times segtrail's own time.
PATIENCE = 5.0
_LEAST_PATIENCE_SECONDS = 60.0
_BOTH = {"segtrail": "segtrail_side.py", "MONAI": "monai_side.py"}


@dataclass(frozen=True)
class Part:
    """Something that is measured on several sides.

    Attributes:
        name: Its name.
        title: What it is, for the table.
        unit: Unit of the values.
        better: Which values are better.
        target: How many times better than the peer segtrail is meant to be, or None.
        sides: The scripts that measure it, by side; segtrail's own first.
        repetitions: How often each is measured.
        time_of_peer: How long a peer may take: "patience": it is stopped at ``PATIENCE`` times the time of segtrail's
            measurement; "told patience": it gives up by itself at ``PATIENCE`` times segtrail's value; "told equal":
            it trains for ``training_seconds`` of segtrail's facts.
    """

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher"] = "lower"
    target: float | None = None
    sides: Mapping[str, str] = field(default_factory=lambda: dict(_BOTH))
    repetitions: int = 5
    time_of_peer: Literal["patience", "told patience", "told equal"] = "patience"


@dataclass(frozen=True)
class Result:
    """One measurement.

    Attributes:
        part: What was measured.
        side: On which side.
        value: The value; None where the side was stopped before it had one.
        seconds: Time of the whole measurement, imports included.
        load: Cores that were busy in the second before it began: above 0.5 the machine was not quiet.
        facts: What else it told.
    """

    part: str
    side: str
    value: float | None
    seconds: float
    load: float
    facts: dict[str, Any] = field(default_factory=dict)


class Rounds:
    """Measurements in a folder; stopped and called again, they go on.

    Args:
        work: The folder.
        settings: What every script is told.
    """

    def __init__(self, work: Path, settings: Mapping[str, Any]) -> None:
        self._store = work / "results.jsonl"
        self._settings = work / "settings.json"
        work.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(json.dumps(dict(settings), indent=2), encoding="utf-8")

    def results(self) -> "Results":
        """Return what was measured so far."""
        if not self._store.exists():
            return Results([])
        lines = self._store.read_text(encoding="utf-8").splitlines()
        return Results([Result(**json.loads(line)) for line in lines])

    def measure(self, part: Part) -> None:
        """Measure what is missing of a part, side after side in each round."""
        for number in range(part.repetitions):
            for side, script in part.sides.items():
                if len(self.results().of(part, side)) <= number:
                    result = self._measure(part, side, script)
                    self._keep(result)
                    said = "not reached" if result.value is None else f"{result.value:.4g} {part.unit}"
                    print(f"{part.name}, round {number + 1}, {side}: {said}", flush=True)

    def _measure(self, part: Part, side: str, script: str) -> Result:
        load = psutil.cpu_percent(interval=1.0) / 100 * (os.cpu_count() or 1)
        command = [sys.executable, str(HERE / script), part.name, str(self._settings)]
        command += self._told_seconds(part, side)
        started = time.perf_counter()
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=True, timeout=self._patience(part, side)
            )
        except subprocess.TimeoutExpired:
            return Result(part.name, side, None, time.perf_counter() - started, load, {"stopped": True})
        facts = json.loads(done.stdout.splitlines()[-1])
        return Result(part.name, side, facts.pop("value"), time.perf_counter() - started, load, facts)

    def _told_seconds(self, part: Part, side: str) -> list[str]:
        """Return for how long a peer trains, as an argument; none for segtrail itself and what trains nothing."""
        own = next(iter(part.sides))
        if side == own or part.time_of_peer == "patience":
            return []
        if part.time_of_peer == "told equal":
            return [str(self.results().of(part, own)[-1].facts["training_seconds"])]
        return [str(PATIENCE * statistics.median(self.results().values(part, own)))]

    def _patience(self, part: Part, side: str) -> float | None:
        """Return how long a peer may take; segtrail itself is not stopped."""
        own = next(iter(part.sides))
        times = [result.seconds for result in self.results().of(part, own)]
        if side == own or not times or part.time_of_peer != "patience":
            return None
        return max(_LEAST_PATIENCE_SECONDS, PATIENCE * statistics.median(times))

    def _keep(self, result: Result) -> None:
        with self._store.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(json.dumps(asdict(result)) + "\n")


@dataclass(frozen=True)
class Results:
    """Measurements.

    Attributes:
        all: Each of them, in the order of their making.
    """

    all: list[Result]

    def of(self, part: Part, side: str) -> list[Result]:
        """Return the measurements of one side of a part."""
        return [result for result in self.all if (result.part, result.side) == (part.name, side)]

    def values(self, part: Part, side: str) -> list[float]:
        """Return the values of one side of a part."""
        return [result.value for result in self.of(part, side) if result.value is not None]

    def ratio(self, part: Part) -> float | None:
        """Return how many times better segtrail is, by the medians; None where a side has no value."""
        medians = [statistics.median(values) for side in part.sides if (values := self.values(part, side))]
        if len(medians) < 2:
            return None
        own, peer = medians[:2]
        return peer / own if part.better == "lower" else own / peer
