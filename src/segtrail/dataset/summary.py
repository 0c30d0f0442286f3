"""``dataset_summary.json``: the exact data a run was made from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from segtrail.dataset.checking.checks import CheckResult
from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.reading.scan import CaseScan, FileFacts
from segtrail.dataset.split import Split

SCHEMA_VERSION = 1


def summarise_dataset(
    description: DatasetDescription,
    scans: Sequence[CaseScan],
    checks: Sequence[CheckResult],
    split: Split,
    left_out: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Gather all that the record keeps of a data set.

    Args:
        description: What ``dataset.json`` says.
        scans: What reading the files gave, of every case that can be used.
        checks: The results of the checks.
        split: The sides.
        left_out: Cases that can't be used, with the IDs of the checks that say so.

    Returns:
        The content of ``dataset_summary.json``; its schema is in ``docs/run-folder.md``.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "name": description.name,
        "description": description.description,
        "licence": description.licence,
        "reference": description.reference,
        "release": description.release,
        "modality": description.modality,
        "labels": {str(value): name for value, name in description.labels.items()},
        "data_root": "${data_root}",
        "dataset_json_sha256": description.sha256,
        "fingerprint": dataset_fingerprint(description, scans),
        "cases": [_case_entry(scan, split) for scan in scans],
        "left_out": [{"case": case, "checks": list(checks)} for case, checks in left_out.items()],
        "reading": {
            "read_now": sum(scan.read_now for scan in scans),
            "unchanged_since_read_before": sum(not scan.read_now for scan in scans),
        },
        "aggregates": _aggregates(scans, split),
        "split": {
            "method": split.method,
            "seed": split.seed,
            "val_frac": split.val_frac,
            "train": list(split.train),
            "val": list(split.val),
            "test": list(split.test),
            "hash": split.hash,
        },
        "checks": check_entries(checks),
    }


def dataset_fingerprint(description: DatasetDescription, scans: Sequence[CaseScan]) -> str:
    """Hash a data set: its description and, for every case, the files and the voxels.

    Args:
        description: The data set.
        scans: One scan per case.

    Returns:
        SHA-256 that changes with any byte of any file.
    """
    files = [
        [scan.case, *(facts and [_files(facts), facts.sha256_file, facts.sha256_voxels] for facts in pair)]
        for scan, pair in ((scan, (scan.image, scan.label)) for scan in scans)
    ]
    text = json.dumps([description.sha256, files], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _case_entry(scan: CaseScan, split: Split) -> dict[str, Any]:
    assert scan.image is not None
    assert scan.label is not None
    return {
        "case": scan.case,
        "side": split.side(scan.case),
        "group": scan.group,
        "image": {**_file_entry(scan.image), "intensity_percentiles": list(scan.intensity_percentiles)},
        "label": {**_file_entry(scan.label), "volumes_ml": scan.volumes_ml},
    }


def _files(facts: FileFacts) -> str | list[str]:
    return facts.files[0] if len(facts.files) == 1 else list(facts.files)


def _file_entry(facts: FileFacts) -> dict[str, Any]:
    return {
        "file": _files(facts),
        "sha256_file": facts.sha256_file,
        "sha256_voxels": facts.sha256_voxels,
        "dtype": facts.dtype,
        "shape": list(facts.shape),
        "spacing_mm": list(facts.spacing_mm),
        "orientation": facts.orientation,
        "affine": [list(row) for row in facts.affine],
    }


def _aggregates(scans: Sequence[CaseScan], split: Split) -> dict[str, Any]:
    sides = {"all": list(scans)}
    for side in ("train", "val", "test"):
        members = [scan for scan in scans if split.side(scan.case) == side]
        if members:
            sides[side] = members
    return {side: _aggregate(members) for side, members in sides.items()}


def _aggregate(scans: Sequence[CaseScan]) -> dict[str, Any]:
    images = [scan.image for scan in scans if scan.image is not None]
    names = list(scans[0].volumes_ml)
    return {
        "n_cases": len(scans),
        "spacing_mm": _vector_range([image.spacing_mm for image in images]),
        "shape": _vector_range([image.shape for image in images]),
        "volume_ml": {name: _scalar_range([scan.volumes_ml[name] for scan in scans]) for name in names},
    }


def _vector_range(rows: Sequence[Sequence[float]]) -> dict[str, list[float]]:
    array = np.asarray(rows, dtype=np.float64)
    return {
        "min": array.min(axis=0).tolist(),
        "median": np.median(array, axis=0).tolist(),
        "max": array.max(axis=0).tolist(),
    }


def _scalar_range(values: Sequence[float]) -> dict[str, float]:
    array = np.asarray(values, dtype=np.float64)
    return {
        "min": float(array.min()),
        "median": float(np.median(array)),
        "max": float(array.max()),
        "mean": float(array.mean()),
    }


def check_entries(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """List the results of checks as plain mappings, as ``dataset_summary.json`` and ``checks.json`` hold them."""
    return [
        {
            "id": result.check.id,
            "title": result.check.title,
            "severity": result.severity,
            "allowed": result.allowed,
            "status": "passed" if result.passed else "failed",
            "findings": [{"case": finding.case, "evidence": finding.evidence} for finding in result.findings],
            "remedy": result.check.remedy,
        }
        for result in results
    ]
