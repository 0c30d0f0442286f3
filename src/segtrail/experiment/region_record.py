"""``regions.json``: where the second stage looks in each case, and how far that is from the reference."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrail.atomic import write_json
from segtrail.experiment.preparation import Stage
from segtrail.inference.expectation import Expectation
from segtrail.inference.guard import reached_edges
from segtrail.inference.region_pass import RegionPass, Search
from segtrail.inference.regions import Box, gather, organ_boxes
from segtrail.report.wording import format_count

SCHEMA_VERSION = 1


class RegionRecord:
    """Gathers the regions of cases and measures them.

    Args:
        finder: Name of the stage that finds the regions.
        stage: The stage that looks at them.
        regions: Places its windows.
    """

    def __init__(self, finder: str, stage: Stage, regions: RegionPass) -> None:
        self._finder, self._stage, self._regions = finder, stage, regions
        self._cases: list[dict[str, Any]] = []
        self._reaches_edge = False

    def add(self, case: str, side: str, network: str, found: Search) -> None:
        """Measure the regions of a case against its reference.

        Args:
            case: Name of the case.
            side: ``train`` or ``val``.
            network: The network that found them.
            found: What it found.
        """
        labels = np.asarray(self._stage.prepared[case].label())
        windows = self._regions.windows(found, labels.shape)
        entry: dict[str, Any] = {
            "case": case,
            "side": side,
            "network": network,
            "windows": [list(start) for start in windows],
            "found_volume_ml": round(found.found.volume_ml, 3),
            "confidence": round(found.found.confidence, 4),
            "guard": [asdict(note) for note in found.notes],
            "centre_offset_mm": None,
            "covered_percent": None,
            "least_room_mm": None,
            "dice": None,
        }
        self._reaches_edge |= side == "train" and bool(reached_edges(labels, (0, 0, 0), labels.shape))
        boxes = organ_boxes(labels, self._stage.spacing_mm)
        if boxes and windows:
            entry |= self._measure(labels, windows, boxes, found.places)
            entry["dice"] = round(found.agreement(labels > 0, (0, 0, 0), self._stage.spacing_mm), 4)
        elif boxes:
            entry["covered_percent"] = 0.0
        self._cases.append(entry)

    def _measure(
        self,
        labels: NDArray[np.uint8],
        windows: list[tuple[int, int, int]],
        reference: tuple[Box, ...],
        found: tuple[Box, ...],
    ) -> dict[str, Any]:
        spacing = np.asarray(self._stage.spacing_mm)
        seen = np.zeros(labels.shape, dtype=np.bool_)
        size = np.asarray(self._regions.network.window)
        for start in windows:
            low, high = np.maximum(start, 0), np.asarray(start) + size
            seen[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))] = True
        everything = np.full(3, np.inf)
        true, there = gather(reference, everything)[0], gather(found, everything)[0]
        low_mm = (np.min(windows, axis=0) - 0.5) * spacing
        high_mm = (np.max(windows, axis=0) + size - 0.5) * spacing
        room = np.minimum(true.low_mm - low_mm, high_mm - true.high_mm).min()
        organ = labels > 0
        return {
            "centre_offset_mm": [round(float(mm), 2) for mm in there.centre_mm - true.centre_mm],
            "covered_percent": round(100.0 * float((organ & seen).sum()) / float(organ.sum()), 3),
            "least_room_mm": round(float(room), 2),
        }

    def measured_on_training_cases(self, expected: Expectation) -> Expectation:
        """Add to what is expected how well the first network does on the training cases, and where they end."""
        sure = [entry for entry in self._cases if entry["side"] == "train" and not entry["guard"]]
        return replace(
            expected,
            confidence=min((entry["confidence"] for entry in sure), default=0.0),
            agreement=min((entry["dice"] for entry in sure if entry["dice"] is not None), default=0.0),
            reaches_edge=self._reaches_edge,
        )

    def write(self, run_dir: Path) -> None:
        """Write ``regions.json``."""
        network = self._regions.network
        write_json(
            run_dir / "regions.json",
            {
                "schema_version": SCHEMA_VERSION,
                "finder": self._finder,
                "stage": self._stage.name,
                "region_voxels": list(network.window),
                "region_mm": [
                    round(n * mm, 3) for n, mm in zip(network.window, network.spacing_mm, strict=True)
                ],
                "shift_mm": self._stage.config.region.shift_mm,
                "anywhere_fraction": self._stage.config.region.anywhere_fraction,
                "cases": self._cases,
            },
        )

    def describe(self) -> list[str]:
        """Say in sentences how well the regions hold the organs."""
        unseen = all(entry["network"] != self._finder for entry in self._cases if entry["side"] == "train")
        by = "networks that did not train on them" if unseen else "the network that trained on them"
        sides = {"train": ("training case", f", by {by}"), "val": ("validation case", "")}
        return [sentence for side, who in sides.items() if (sentence := self._describe_side(side, *who))]

    def _describe_side(self, side: str, noun: str, by: str) -> str:
        cases = [entry for entry in self._cases if entry["side"] == side]
        measured = [entry for entry in cases if entry["centre_offset_mm"] is not None]
        if not measured:
            return ""
        distances = [float(np.linalg.norm(entry["centre_offset_mm"])) for entry in measured]
        covered = min(entry["covered_percent"] for entry in cases if entry["covered_percent"] is not None)
        doubts = sum(bool(entry["guard"]) for entry in cases)
        return (
            f"Regions of {format_count(len(measured), noun)}{by}: the centre is off by "
            f"{np.mean(distances):.1f} mm in the mean and {max(distances):.1f} mm at most; "
            f"at least {covered:.1f}% of the organ lies inside; {doubts} had the guard's attention."
        )
