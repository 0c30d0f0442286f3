"""The columns of the experiment log: what each holds, and how it is shown to a person."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segtrail.experiment_log.logged_run import LoggedRun
from segtrail.progress import without_controls

Value = Any


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: As ``--columns`` names it.
        title: As its heading says.
        value: Takes it from a run, as a value of JSON; None where the record does not say.
        show: Says it to a person; never called with None.
        metrics: The metrics of metrics_summary.json that it holds, by the beginning of their columns there.
        is_long: Whether it may be wrapped.
    """

    name: str
    title: str
    value: Callable[[LoggedRun], Value]
    show: Callable[[Value], str] = str
    metrics: str = ""
    is_long: bool = False

    def text(self, value: Value) -> str:
        """Return a value for a person, nothing for None; of control characters only line feeds stay."""
        text = "" if value is None else self.show(value)
        return without_controls(text.replace("\r\n", "\n").replace("\t", " "))


def _of(path: str) -> Callable[[LoggedRun], Value]:
    """Follow a path of names through the record; where one is missing or empty there is a gap."""

    def value(run: LoggedRun) -> Value:
        found: Any = run
        for name in path.split("."):
            found = getattr(found, name, None)
        return found or None

    return value


def _of_either(path: str, path_of_recorded: str) -> Callable[[LoggedRun], Value]:
    """Follow one path, or another in the record of another program's training."""
    own, recorded = _of(path), _of(path_of_recorded)
    return lambda run: recorded(run) if run.is_recorded else own(run)


def _of_setting(section: str, key: str) -> Callable[[LoggedRun], Value]:
    return lambda run: run.setting(section, key) or None


def _mean(side: Any, metric: str) -> Callable[[LoggedRun], Value]:
    return lambda run: None if run.metrics is None else run.metrics.mean_over_classes(side, metric)


def _nsd(run: LoggedRun) -> Value:
    if run.metrics is None:
        return None
    tolerances = [name for name in run.metrics.definitions if name.startswith("nsd_")]
    means = {name: run.metrics.mean_over_classes("val", name) for name in tolerances}
    return {name: mean for name, mean in means.items() if mean is not None} or None


def _notes(run: LoggedRun) -> Value:
    keys = {"text", "written_by", "written_utc"}
    return [note.model_dump(include=keys) for note in run.notes] or None


def _signoffs(run: LoggedRun) -> Value:
    return [
        {
            **signoff.model_dump(include={"name", "meaning", "signed_off_utc"}),
            "is_of_this_run": signoff.fingerprint == run.fingerprint,
        }
        for signoff in run.signoffs
    ] or None


def _models(run: LoggedRun) -> Value:
    if run.record is not None and run.record.recorded is not None:
        recorded = run.record.recorded
        return {"main": recorded.network or recorded.program}
    if run.record is None or run.record.model is None:
        return None
    return {entry.stage: entry.name for entry in run.record.stages} or {"main": run.record.model.name}


def _cases(run: LoggedRun) -> Value:
    if run.dataset is None:
        return None
    counted = Counter(case.side for case in run.dataset.cases)
    return {side: counted[side] for side in ("train", "val", "test")}


def _minutes(run: LoggedRun) -> Value:
    seconds = sum(run.record.seconds.values()) if run.record and run.record.seconds else math.nan
    return round(seconds / 60, 2) if math.isfinite(seconds) else None


def _show_score(score: float) -> str:
    return f"{score:.4f}"


def _show_nsd(scores: Mapping[str, float]) -> str:
    named = ((name.removeprefix("nsd_").removesuffix("mm"), score) for name, score in scores.items())
    return ", ".join(f"{_show_score(score)} at {tolerance} mm" for tolerance, score in named)


def _show_plain(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(_show_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _show_stages(values: Mapping[str, Any]) -> str:
    return " + ".join(map(_show_plain, values.values()))


def _show_setting(values: Mapping[str, Any]) -> str:
    """Of two stages with the same value, say it once."""
    texts = [_show_plain(value) for value in values.values()]
    return texts[0] if len(set(texts)) == 1 else " + ".join(texts)


def _show_signoffs(signoffs: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{signoff['name']} ({signoff['meaning']}{'' if signoff['is_of_this_run'] else ', of another fingerprint'})"
        for signoff in signoffs
    )


def _show_yes(value: bool) -> str:
    return "yes" if value else "no"


COLUMNS = {
    column.name: column
    for column in (
        Column("run_id", "Run ID", _of("run_id")),
        Column("status", "Status", _of("status")),
        Column("epochs", "Epochs", _of("epochs"), _show_stages),
        Column("patch_size", "Patch", _of_setting("patch", "patch_size"), _show_setting),
        Column("learning_rate", "Learning rate", _of_setting("optim", "lr"), _show_setting),
        Column("dice", "Dice", _mean("val", "dice"), _show_score, "dice"),
        Column(
            "notes",
            "Notes",
            _notes,
            lambda notes: "\n".join(note["text"] for note in notes),
            is_long=True,
        ),
        Column("test_dice", "Test Dice", _mean("test", "dice"), _show_score, "dice"),
        Column("nsd", "NSD", _nsd, _show_nsd, "nsd_", is_long=True),
        Column("hd95", "HD95 (mm)", _mean("val", "hd95_mm"), lambda value: f"{value:.2f}", "hd95_mm"),
        Column("best_epoch", "Best epoch", _of("metrics.selection.best_epoch")),
        Column("seed", "Seed", lambda run: run.setting_of_run("train", "seed")),
        Column("batch_size", "Batch size", _of_setting("train", "batch_size"), _show_setting),
        Column("spacing", "Spacing (mm)", _of_setting("preprocess", "spacing"), _show_setting),
        Column("model", "Model", _models, _show_setting),
        Column("dataset", "Data set", _of_either("dataset.name", "record.recorded.data_set"), is_long=True),
        Column(
            "dataset_fingerprint",
            "Data fingerprint",
            _of_either("dataset.fingerprint", "record.recorded.data.sha256"),
            is_long=True,
        ),
        Column("split_hash", "Split", _of("dataset.split.hash"), is_long=True),
        Column(
            "cases",
            "Cases",
            _cases,
            lambda cases: ", ".join(f"{side} {count}" for side, count in cases.items() if count),
            is_long=True,
        ),
        Column("minutes", "Minutes", _minutes, lambda minutes: f"{minutes:.1f}"),
        Column("device", "Device", _of("record.device.name"), is_long=True),
        Column("version", "Version", _of("record.segtrail_version")),
        Column("project", "Project", _of("record.project"), is_long=True),
        Column("operator", "Operator", _of("record.operator"), is_long=True),
        Column("signed_off", "Signed off", _signoffs, _show_signoffs, is_long=True),
        Column("sealed", "Sealed", lambda run: run.seal is not None, _show_yes),
        Column("fingerprint", "Fingerprint", _of("fingerprint"), is_long=True),
        Column("parent", "Parent", _of("record.parent.run_id")),
        Column(
            "created",
            "Created",
            lambda run: f"{run.record.created_utc:%Y-%m-%dT%H:%M:%SZ}" if run.record else None,
        ),
        Column("ended_because", "Ended because", _of("record.ended_because"), is_long=True),
        Column("command", "Command", _of("record.start_command"), is_long=True),
    )
}
DEFAULT = ("run_id", "status", "epochs", "patch_size", "learning_rate", "dice", "notes")


def usual_columns() -> list[Column]:
    """Return the columns that are shown where none are asked for."""
    return [COLUMNS[name] for name in DEFAULT]
