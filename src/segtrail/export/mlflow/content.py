"""What MLflow is told of a run: parameters, metrics, tags, the data set and the table of cases."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from segtrail.experiment_log.logged_run import LoggedRun
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import find_entries, hash_line
from segtrail.report.record_schema import EpochRow, RunRecord
from segtrail.report.run_contents import RunContents, read_run

STATUS = {"running": "RUNNING", "interrupted": "KILLED", "failed": "FAILED", "finished": "FINISHED"}
IDENTITY = "segtrail.identity"
CASE_TABLE = "metrics_cases.json"
# MLflow takes keys of up to 250 characters, values of parameters of up to 6000 and of tags of up to 8000.
_LONGEST_KEY = 250
_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 5000
_LONGEST_DIGEST = 36
_OTHER_LETTERS = re.compile(r"[^\w.\- /]")
_HISTORY = tuple(name for name in EpochRow.model_fields if name not in ("stage", "epoch"))


@dataclass(frozen=True)
class Point:
    """One value of a metric.

    Attributes:
        key: Name of the metric.
        value: The value, finite.
        time_ms: When it was measured, in milliseconds since 1970.
        step: The epoch; 0 for results of the whole run.
    """

    key: str
    value: float
    time_ms: int
    step: int


@dataclass(frozen=True)
class UsedDataset:
    """The data set of a run, as MLflow keeps one.

    Attributes:
        name: Its name.
        digest: The first characters of its fingerprint, as many as MLflow takes.
        profile: Facts about it.
    """

    name: str
    digest: str
    profile: Mapping[str, Any]


@dataclass(frozen=True)
class RunContent:
    """All that MLflow is told of a run but its files.

    Attributes:
        run_id: The run's ID.
        folder: Its folder.
        experiment: The experiment that it belongs to: ``project.name``.
        identity: What tells it from every other run, from its opening on.
        status: Its state in MLflow's words.
        start_ms: When it began.
        end_ms: When it ended; None while it runs.
        parameters: The configuration, key by key.
        points: History and results.
        tags: Who, what, with which versions.
        dataset: Its data set; None where that is not on record.
        cases: The table of cases as MLflow stores tables; None where there is none.
        fingerprint: Its fingerprint; None where it is not sealed.
    """

    run_id: str
    folder: Path
    experiment: str
    identity: str
    status: str
    start_ms: int
    end_ms: int | None
    parameters: Mapping[str, str]
    points: Sequence[Point] = field(repr=False)
    tags: Mapping[str, str]
    dataset: UsedDataset | None
    cases: Mapping[str, Any] | None = field(repr=False)
    fingerprint: str | None


def read_content(folder: Path) -> RunContent:
    """Read from a run folder what MLflow is told of it.

    Args:
        folder: The folder of a run, finished or not, of a record of another program, or of a shared copy.

    Returns:
        The content.

    Raises:
        InputError: A file of the run is missing or damaged.
    """
    return content_of(read_run(folder))


def content_of(contents: RunContents) -> RunContent:
    """Bring what was read of a run into the form in which tools take it.

    Args:
        contents: The readable parts of its folder.
    """
    folder, run = contents.folder, contents.run
    logged = LoggedRun(folder)
    end_ms = None if run.ended_utc is None else _milliseconds(run.ended_utc)
    start_ms = _milliseconds(run.created_utc)
    results = [Point(key, value, end_ms or start_ms, 0) for key, value in _results(contents)]
    identity = identity_of(folder, run)
    return RunContent(
        run_id=run.run_id,
        folder=folder,
        experiment=run.project or "segtrail",
        identity=identity,
        status=STATUS[run.status],
        start_ms=start_ms,
        end_ms=end_ms,
        parameters=parameters_of(contents.config or contents.training_configuration or {}),
        points=[*_history(contents), *results],
        tags=_tags(contents, logged, identity),
        dataset=_dataset(contents),
        cases=_case_table(contents),
        fingerprint=logged.fingerprint,
    )


def identity_of(folder: Path, run: RunRecord) -> str:
    """Return what tells a run from every other one, from its opening on.

    That is the hash of the first line of its journal, which names the millisecond and the data. Runs of older versions
    and shared copies have no journal: theirs comes from the ID and the time.
    """
    journal = folder / JOURNAL
    if journal.is_file():
        with journal.open("rb") as stream:
            return hash_line(stream.readline().rstrip(b"\r\n"))
    kind = "shared" if (folder / "share.json").is_file() else "run"
    return hashlib.sha256(f"{kind} {run.run_id} {run.created_utc.isoformat()}".encode()).hexdigest()


def parameters_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Flatten a configuration: ``train.max_epochs`` and its value as text.

    Args:
        config: Nested mappings.

    Returns:
        Each value by its path; lists as JSON. A value that is longer than MLflow takes is cut, and says so.
    """
    return {safe_key(key): _cut(_text(value), _LONGEST_PARAMETER) for key, value in _flatten(config, "")}


def points_of_epoch(stage: str, row: Mapping[str, Any], time_ms: int) -> list[Point]:
    """Return the metrics of one epoch.

    Args:
        stage: The network in training.
        row: Columns of ``history.csv``; what is empty or not finite is left out.
        time_ms: When the epoch ended.
    """
    values = {name: row.get(name) for name in _HISTORY}
    return [
        Point(safe_key(f"{stage}/{name}"), float(value), time_ms, int(row["epoch"]))
        for name, value in values.items()
        if value is not None and math.isfinite(value)
    ]


def safe_key(text: str) -> str:
    """Return a name with the letters, and of the length, that MLflow takes for a key."""
    return _OTHER_LETTERS.sub("_", text)[:_LONGEST_KEY]


def _flatten(value: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        place = f"{path}.{key}" if path else str(key)
        if isinstance(inner, Mapping) and inner:
            yield from _flatten(inner, place)
        else:
            yield place, inner


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _cut(text: str, longest: int) -> str:
    ending = " ... (cut; the files of the run have all)"
    return text if len(text) <= longest else text[: longest - len(ending)] + ending


def _history(contents: RunContents) -> Iterator[Point]:
    times = _times_of_epochs(contents.folder)
    reckoned = contents.run.created_utc
    for row in contents.history:
        reckoned += timedelta(seconds=row.seconds or 0.0)
        time_ms = times.get((row.stage, row.epoch), _milliseconds(reckoned))
        yield from points_of_epoch(row.stage, row.model_dump(), time_ms)


def _times_of_epochs(folder: Path) -> dict[tuple[str, int], int]:
    """Read from the journal when each epoch ended: its checkpoint was written then."""
    if not (folder / JOURNAL).is_file():
        return {}
    times: dict[tuple[str, int], int] = {}
    for entry in find_entries(folder / JOURNAL, ("checkpoint written",)):
        if not entry.details.get("steps"):
            key = str(entry.details.get("network")), int(entry.details.get("epoch", 0))
            times.setdefault(key, _milliseconds(datetime.fromisoformat(entry.time_utc)))
    return times


def _results(contents: RunContents) -> Iterator[tuple[str, float]]:
    if contents.metrics is None:
        return
    for side, classes in contents.metrics.splits.items():
        for name, summary in classes.items():
            yield safe_key(f"{side}/{name}/cases"), float(summary.n)
            yield safe_key(f"{side}/{name}/cases_failed"), float(summary.n_failed)
            for column, statistics in summary.metrics.items():
                values = {"mean": statistics.mean, "sd": statistics.sd, "median": statistics.median}
                low, high = statistics.interval or (None, None)
                for what, value in {**values, "interval_low": low, "interval_high": high}.items():
                    if value is not None and math.isfinite(value):
                        yield safe_key(f"{side}/{name}/{column}_{what}"), value


def _tags(contents: RunContents, logged: LoggedRun, identity: str) -> dict[str, str]:
    run = contents.run
    repository = contents.provenance.program_repository if contents.provenance else None
    versions = {f"segtrail.version.{name}": str(value) for name, value in run.environment.items()}
    known = {
        IDENTITY: identity,
        "segtrail.run_id": run.run_id,
        "segtrail.status": run.status,
        "segtrail.ended_because": run.ended_because,
        "segtrail.version": run.segtrail_version,
        "segtrail.program_sha256": run.program_sha256,
        "segtrail.fingerprint": logged.fingerprint,
        "segtrail.dataset_fingerprint": contents.dataset.fingerprint if contents.dataset else None,
        "segtrail.parent_run_id": run.parent.run_id if run.parent else None,
        "segtrail.model": run.model.name if run.model else None,
        "segtrail.device": run.device.name if run.device else None,
        "mlflow.runName": run.run_id,
        "mlflow.user": run.operator,
        "mlflow.source.name": "segtrail",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": repository.commit if repository else None,
        "mlflow.note.content": "\n\n".join(note.text for note in logged.notes),
        **versions,
    }
    return {key: _cut(value, _LONGEST_TAG) for key, value in known.items() if value}


def _dataset(contents: RunContents) -> UsedDataset | None:
    data = contents.dataset
    if data is None or not data.fingerprint:
        return None
    profile = {
        "fingerprint": data.fingerprint,
        "release": data.release,
        "licence": data.licence,
        "labels": data.labels,
        "modality": data.modality,
        "split_hash": data.split.hash,
        "cases": {side: known.n_cases for side, known in data.aggregates.items()},
    }
    return UsedDataset(data.name or "dataset", data.fingerprint[:_LONGEST_DIGEST], profile)


def _case_table(contents: RunContents) -> dict[str, Any] | None:
    """Return the table of cases in the form that ``mlflow.load_table`` reads."""
    rows = contents.cases
    if not rows:
        return None
    metrics = list(dict.fromkeys(column for row in rows for column in row.columns()))
    columns = ["case", "split", "class", *metrics, "status"]
    data = [
        [row.case, row.split, row.class_name, *(row.metric(name) for name in metrics), row.status]
        for row in rows
    ]
    return {"columns": columns, "data": data}


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
