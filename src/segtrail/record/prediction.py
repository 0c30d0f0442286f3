"""The record of a folder of predictions: ``prediction.json``, and ``volumes.csv`` which follows from it."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from segtrail.atomic import write_json, write_text
from segtrail.dataset.names import shown
from segtrail.errors import InputError

SCHEMA_VERSION = 1
Status = Literal["started", "done", "failed"]
_Types = Mapping[str, type | tuple[type, ...]]
_NONE = type(None)
_RECORD_TYPES: _Types = {
    "run_id": str,
    "run_fingerprint": dict,
    "settings": dict,
    "created_utc": str,
    "ended_utc": (str, _NONE),
    "circumstances": list,
    "cases": list,
}
_ENTRY_TYPES: _Types = {
    "case": str,
    "status": str,
    "circumstance": int,
    "inputs": list,
    "error": (str, _NONE),
    "volumes_ml": dict,
    "voxels": dict,
    "warnings": list,
    "mode": (str, _NONE),
    "seconds": (int, float, _NONE),
}


@dataclass(frozen=True)
class RecordedFile:
    """A file and the SHA-256 of its bytes; None where it could not be read."""

    file: str
    sha256: str | None


@dataclass(frozen=True)
class CaseEntry:
    """What is recorded of one image; see ``docs/predict.md``."""

    case: str
    status: Status
    circumstance: int
    inputs: tuple[RecordedFile, ...]
    error: str | None = None
    output: RecordedFile | None = None
    probabilities: RecordedFile | None = None
    picture: RecordedFile | None = None
    volumes_ml: Mapping[str, float] = field(default_factory=dict)
    voxels: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[Mapping[str, str], ...] = ()
    guard: tuple[Mapping[str, str], ...] = ()
    regions: tuple[Mapping[str, Any], ...] = ()
    mode: str | None = None
    seconds: float | None = None

    @classmethod
    def of_mapping(cls, content: Mapping[str, Any]) -> "CaseEntry":
        """Read an entry back; raises TypeError or KeyError where it is not whole."""
        _require_types(content, _ENTRY_TYPES)
        if content["status"] not in get_args(Status):
            raise TypeError("status is none of " + ", ".join(get_args(Status)))
        files = {
            key: None if content[key] is None else _read_file(content[key])
            for key in ("output", "probabilities", "picture")
        }
        for warning in content["warnings"]:
            _require_types(warning, {"property": str, "evidence": str})
        guard, regions = content.get("guard", []), content.get("regions", [])
        for note in guard:
            _require_types(note, {"reason": str, "evidence": str, "action": str})
        for region in regions:
            _require_types(region, {"low_mm": list, "size_mm": list})
        _require_types(content["volumes_ml"], dict.fromkeys(content["volumes_ml"], (int, float)))
        _require_types(content["voxels"], dict.fromkeys(content["volumes_ml"], int))
        inputs = tuple(map(_read_file, content["inputs"]))
        told = {
            "warnings": tuple(content["warnings"]),
            "guard": tuple(guard),
            "regions": tuple(regions),
        }
        return cls(**{**content, **files, **told, "inputs": inputs})


@dataclass
class PredictionRecord:
    """The content of ``prediction.json``.

    Attributes:
        run_id: The run whose network is used.
        run_fingerprint: What tells the network from any other.
        settings: How volumes go through the network.
        created_utc: When the first prediction of the folder began.
        ended_utc: When the last command ended; None while one works, and after a kill.
        circumstances: The different versions and devices that took part.
        cases: The entries by the name of their case.
    """

    run_id: str
    run_fingerprint: dict[str, Any]
    settings: dict[str, Any]
    created_utc: str
    ended_utc: str | None = None
    circumstances: list[dict[str, Any]] = field(default_factory=list)
    cases: dict[str, CaseEntry] = field(default_factory=dict)

    def is_of_same_network(self, other: "PredictionRecord") -> bool:
        """Whether both are of one checkpoint, used in one way."""
        return self.run_fingerprint == other.run_fingerprint and self.settings == other.settings

    def place_of(self, circumstances: dict[str, Any]) -> int:
        """Return the place of these circumstances in the list; they are added where they are new."""
        if circumstances not in self.circumstances:
            self.circumstances.append(circumstances)
        return self.circumstances.index(circumstances)

    def as_mapping(self) -> dict[str, Any]:
        """Return the content as plain values."""
        return {"schema_version": SCHEMA_VERSION, **vars(self), "cases": [*map(asdict, self.cases.values())]}


def _require_types(content: Any, types: _Types) -> None:
    """Raise TypeError or KeyError where a mapping lacks a key or holds a value of another type."""
    if not isinstance(content, dict):
        raise TypeError(f"a mapping was expected, not {type(content).__name__}")
    for key, expected in types.items():
        if not isinstance(content[key], expected):
            raise TypeError(f"{shown(key)} can't be {type(content[key]).__name__}")


def _read_file(content: Any) -> RecordedFile:
    _require_types(content, {"file": str, "sha256": (str, _NONE)})
    return RecordedFile(**content)


class PredictionFolder:
    """Where a folder of predictions keeps what.

    Args:
        path: The folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_file = path / "prediction.json"
        self.volume_table = path / "volumes.csv"

    def label_map(self, case: str) -> Path:
        """Return where the label map of a case lies."""
        return self.path / f"{case}.nii.gz"

    def probabilities(self, case: str) -> Path:
        """Return where the probabilities of a case lie."""
        return self.path / "probabilities" / f"{case}.nii.gz"

    def picture(self, case: str) -> Path:
        """Return where the picture of a case lies."""
        return self.path / "pictures" / f"{case}.png"

    def files(self, case: str) -> tuple[Path, Path, Path]:
        """Return all files that a case may have."""
        return self.label_map(case), self.probabilities(case), self.picture(case)

    def describe(self, path: Path, sha256: str) -> RecordedFile:
        """Return a file of this folder for the record."""
        return RecordedFile(path.relative_to(self.path).as_posix(), sha256)

    def read_record(self) -> PredictionRecord | None:
        """Return the record; None where there is none.

        Raises:
            InputError: It is damaged or of another version.
        """
        try:
            content = json.loads(self.record_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise self._unreadable(str(error)) from None
        version = content.get("schema_version") if isinstance(content, dict) else None
        if version != SCHEMA_VERSION:
            raise self._unreadable(f"schema_version is {version}, not {SCHEMA_VERSION}")
        try:
            _require_types(content, _RECORD_TYPES)
            for circumstance in content["circumstances"]:
                _require_types(circumstance, {"device": dict, "environment": dict})
            entries = [CaseEntry.of_mapping(entry) for entry in content["cases"]]
            facts = {key: value for key, value in content.items() if key not in ("schema_version", "cases")}
            return PredictionRecord(**facts, cases={entry.case: entry for entry in entries})
        except (KeyError, TypeError, AttributeError) as error:
            raise self._unreadable(f"{type(error).__name__}: {error}") from None

    def write_record(self, record: PredictionRecord) -> None:
        """Write the record atomically."""
        write_json(self.record_file, record.as_mapping())

    def write_volume_table(self, record: PredictionRecord) -> None:
        """Write one row per case and class of the cases that are done."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["case", "class", "volume_ml", "voxels", "unlike_training", "schema_version"])
        for entry in record.cases.values():
            if entry.status != "done":
                continue
            unlike = "true" if entry.warnings else "false"
            for name, volume_ml in entry.volumes_ml.items():
                writer.writerow(
                    [
                        shown(entry.case),
                        shown(name),
                        repr(volume_ml),
                        entry.voxels[name],
                        unlike,
                        SCHEMA_VERSION,
                    ]
                )
        write_text(self.volume_table, stream.getvalue())

    def remove_leftovers(self, cases: Iterable[str]) -> None:
        """Remove what a kill left of atomic writing; nobody else may write here meanwhile."""
        ours = {path.name for case in cases for path in self.files(case)}
        ours |= {self.record_file.name, self.volume_table.name}
        for folder in (self.path, self.path / "probabilities", self.path / "pictures"):
            for path in folder.glob(".*.tmp"):
                if path.name[1:].rsplit(".", 2)[0] in ours:
                    path.unlink(missing_ok=True)

    def _unreadable(self, why: str) -> InputError:
        return InputError(
            f"{self.record_file} can't be read as the record of predictions ({why}). "
            "Choose another --output, or move that file away."
        )
