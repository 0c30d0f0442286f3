"""Reading one run folder for the index, whatever state it is in."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segtrail.dataset.names import printable
from segtrail.experiment_log.columns import COLUMNS as LOG_COLUMNS
from segtrail.experiment_log.logged_run import UNREADABLE, LoggedRun
from segtrail.progress import without_controls
from segtrail.record.run_folder import utc_text
from segtrail.report.record_schema import ClassSummary, Model
from segtrail.run_index.folder_states import row_name
from segtrail.run_index.indexed_run import IndexedRun

_SIGNS = ("run.json", "manifest.json", "journal.jsonl")
_CLAIMED = re.compile(r"run_(\d{8}_\d{6})")
# What a column of SQLite holds.
_GREATEST = 2**63 - 1
_Facts = dict[str, Any]


@dataclass(frozen=True)
class ReadFolder:
    """What a run folder says.

    Attributes:
        run: The run.
        cases: The names of the cases that it trains on, validates on or tests on.
    """

    run: IndexedRun
    cases: tuple[str, ...]


def read_folder(path: Path) -> ReadFolder:
    """Read a folder of ``runs``; what is damaged or missing is told in the row, and never raised."""
    logged = LoggedRun(path)
    try:
        facts, cases = _facts(logged), _cases(logged)
        problems = logged.problems if _is_run(path) else [_no_run(path)]
    except (
        Exception
    ) as error:  # one folder, whatever was done to it, must not keep all others out of the index
        facts, cases = {"run_id": path.name, "status": UNREADABLE}, ()
        problems = [*logged.problems, f"{type(error).__name__}: {error}. segtrail did not expect this."]
    facts |= {
        "folder": row_name(path.name),
        "problem": _problem(problems, path),
        "created": _created(logged, path),
    }
    return ReadFolder(IndexedRun(path=path, **{name: _kept(value) for name, value in facts.items()}), cases)


def _is_run(path: Path) -> bool:
    return path.name.startswith("run_") or any(os.path.lexists(path / sign) for sign in _SIGNS)


def _no_run(path: Path) -> str:
    return f"{printable(path.name)} is no run: it has no {', '.join(_SIGNS[:-1])} or {_SIGNS[-1]}."


def _problem(problems: list[str], path: Path) -> str | None:
    """Join what could not be read, without the path of this machine."""
    return " ".join(dict.fromkeys(problems)).replace(f"{path}{os.sep}", "") or None


def _facts(run: LoggedRun) -> _Facts:
    return {
        **_identity(run),
        **_data(run),
        **_settings(run),
        **_progress(run),
        **_metrics(run),
        **_state(run),
    }


def _identity(run: LoggedRun) -> _Facts:
    record = run.record
    if record is None:
        return {"run_id": run.run_id, "status": run.status}
    networks: Sequence[Model | None] = record.stages or [record.model]
    parameters = [network.parameters for network in networks if network and network.parameters is not None]
    return {
        "run_id": run.run_id,
        "status": run.status,
        "ended": _utc(record.ended_utc),
        "ended_because": record.ended_because,
        "project": record.project,
        "description": run.setting_of_run("project", "description"),
        "operator": record.operator,
        "model": _text(run, "model"),
        "parameters": sum(parameters) if parameters else None,
        "program": record.recorded.program if record.recorded else None,
        "parent": record.parent.run_id if record.parent else None,
        "device": record.device.name if record.device else None,
        "precision": record.device.precision if record.device else None,
        "seconds": sum(record.seconds.values()) or None,
        "energy_kwh": record.energy.kwh if record.energy else None,
        "version": record.segtrail_version,
    }


def _data(run: LoggedRun) -> _Facts:
    sides = [case.side for case in run.dataset.cases] if run.dataset else None
    counted = {f"{side}_cases": sides and sides.count(side) for side in ("train", "val", "test")}
    return {
        **{name: _text(run, name) for name in ("dataset", "dataset_fingerprint", "split_hash")},
        **counted,
    }


def _settings(run: LoggedRun) -> _Facts:
    planned = [value for value in run.setting("train", "max_epochs").values() if _is_whole(value)]
    seed = run.setting_of_run("train", "seed")
    return {
        "seed": seed if _is_whole(seed) else None,
        "patch_size": _text(run, "patch_size"),
        "spacing": _text(run, "spacing"),
        "learning_rate": _last_number(run.setting("optim", "lr")),
        "batch_size": _last_number(run.setting("train", "batch_size")),
        "planned_epochs": sum(planned) if planned else _recorded_epochs(run),
    }


def _recorded_epochs(run: LoggedRun) -> int | None:
    return run.record.recorded.planned_epochs if run.record and run.record.recorded else None


def _progress(run: LoggedRun) -> _Facts:
    return {
        "epochs": sum(run.epochs.values()) if run.epochs else None,
        "latest_dice": run.progress.latest_val_dice,
    }


def _metrics(run: LoggedRun) -> _Facts:
    if run.metrics is None:
        return {}
    classes = list(run.metrics.splits.get("val", {}).values())
    low, high = _interval(classes)
    tolerance = next((name for name in run.metrics.definitions if name.startswith("nsd_")), "")
    return {
        "best_epoch": run.metrics.selection.best_epoch if run.metrics.selection else None,
        "dice": run.metrics.mean_over_classes("val", "dice"),
        "dice_low": low,
        "dice_high": high,
        "nsd": run.metrics.mean_over_classes("val", tolerance),
        "nsd_tolerance_mm": _number(tolerance.removeprefix("nsd_").removesuffix("mm")),
        "hd95": run.metrics.mean_over_classes("val", "hd95_mm"),
        "test_dice": run.metrics.mean_over_classes("test", "dice"),
        "n_cases": max((summary.n for summary in classes), default=None),
        "n_failed": sum(summary.n_failed for summary in classes) if classes else None,
    }


def _interval(classes: list[ClassSummary]) -> tuple[float | None, float | None]:
    """Return the interval of the Dice of the one class; that of a mean over several is not on record."""
    dice = classes[0].metrics.get("dice") if len(classes) == 1 else None
    return dice.interval if dice and dice.interval else (None, None)


def _state(run: LoggedRun) -> _Facts:
    return {
        "sealed": run.seal is not None if run.record else None,
        "fingerprint": run.fingerprint,
        "signed_off": _text(run, "signed_off"),
        "notes": _text(run, "notes"),
    }


def _cases(run: LoggedRun) -> tuple[str, ...]:
    return (
        tuple(sorted(case.case for case in run.dataset.cases if case.side != "unused")) if run.dataset else ()
    )


def _created(run: LoggedRun, path: Path) -> str | None:
    """Return when a run was opened; its folder was named then, which serves where the record can't be read."""
    if run.record is not None:
        return _utc(run.record.created_utc)
    claimed = _CLAIMED.match(path.name)
    try:
        return utc_text(datetime.strptime(claimed[1], "%Y%m%d_%H%M%S")) if claimed else None
    except ValueError:
        return None


def _utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return utc_text(moment.astimezone(UTC) if moment.tzinfo else moment)


def _text(run: LoggedRun, name: str) -> str | None:
    """Return a value as the experiment log shows it."""
    column = LOG_COLUMNS[name]
    return column.text(column.value(run)) or None


def _last_number(values: Mapping[str, Any]) -> float | None:
    numbers = [value for value in values.values() if isinstance(value, (int, float))]
    return numbers[-1] if numbers else None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _kept(value: Any) -> Any:
    """Return a value as the database takes it; a gap for an empty text or a number that is out of its range."""
    if isinstance(value, str):
        return without_controls(value.encode("utf-8", "replace").decode("utf-8")) or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if not isinstance(value, int) or abs(value) <= _GREATEST else None
