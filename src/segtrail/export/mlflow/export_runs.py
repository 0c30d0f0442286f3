"""Runs brought to a tracking server of MLflow: each one once, however often it is asked for."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from segtrail.errors import InputError
from segtrail.export.mlflow.content import CASE_TABLE, IDENTITY, Point, RunContent, read_content
from segtrail.export.mlflow.tracking_server import TrackingServer
from segtrail.progress import Narrator
from segtrail.record.manifest import ADDENDA, LEFT_BY_SYSTEMS
from segtrail.record.run_folder import LOCK_FILE

# What MLflow takes in one call.
_METRICS_AT_ONCE = 1000
_PARAMETERS_AT_ONCE = 100
# The folder of the run's own files among the artifacts.
FILES = "run"
# Says with which fingerprint a run was brought over whole; without it something may be missing.
_COMPLETE = "segtrail.export"
_TABLES = "mlflow.loggedArtifacts"
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class ExportedRun:
    """A run that is on the tracking server.

    Attributes:
        run_id: Its ID.
        experiment: The experiment that it is in.
        mlflow_run_id: What MLflow calls it.
        outcome: Whether it came now, was there and was completed, or was there whole.
        kept: Parameters that have another value there, which MLflow never changes.
    """

    run_id: str
    experiment: str
    mlflow_run_id: str
    outcome: Literal["new", "updated", "unchanged"]
    kept: tuple[str, ...] = ()

    def as_mapping(self) -> dict[str, Any]:
        """Return its entry in the JSON object of the command."""
        return {
            "run_id": self.run_id,
            "experiment": self.experiment,
            "mlflow_run_id": self.mlflow_run_id,
            "outcome": self.outcome,
            "kept_parameters": list(self.kept),
        }

    def line(self) -> str:
        """Return it for a person."""
        said = {"new": "was added", "updated": "was there and is completed", "unchanged": "is there already"}
        kept = f"; these parameters stay as they are there: {', '.join(self.kept)}" if self.kept else ""
        return f"{self.run_id} {said[self.outcome]}: {self.mlflow_run_id} in {self.experiment!r}{kept}"


@dataclass(frozen=True)
class ExportResult:
    """What came of several runs.

    Attributes:
        tracking_uri: The server, without a password.
        runs: Those that are there now.
        problems: Those that could not be read, with the reason, by the names of their folders.
    """

    tracking_uri: str
    runs: tuple[ExportedRun, ...]
    problems: dict[str, str]

    def as_mapping(self) -> dict[str, Any]:
        """Return it as the JSON object of the command."""
        return {
            "schema_version": 1,
            "to": "mlflow",
            "tracking_uri": self.tracking_uri,
            "runs": [run.as_mapping() for run in self.runs],
            "problems": self.problems,
        }


def export_runs(
    folders: Sequence[Path], server: TrackingServer, with_weights: bool, narrator: Narrator
) -> ExportResult:
    """Bring runs to a tracking server; one that is there already is completed, and never doubled.

    Args:
        folders: The run folders.
        server: The server.
        with_weights: Whether checkpoints go along.
        narrator: Shows progress.

    Returns:
        What is there now. A run that can't be read keeps no other from being brought over.

    Raises:
        InputError: The server can't be worked with.
    """
    done: list[ExportedRun] = []
    problems: dict[str, str] = {}
    experiments: dict[str, str] = {}
    with narrator.track("Exporting", len(folders)) as tracker:
        for folder in folders:
            try:
                content = read_content(folder)
            except InputError as error:
                problems[folder.name] = str(error)
                continue
            with server.errors_said():
                if content.experiment not in experiments:
                    experiments[content.experiment] = server.experiment(content.experiment)
                done.append(
                    _Export(server.client, experiments[content.experiment], content, with_weights).run()
                )
            tracker.advance(folder.name)
    return ExportResult(server.shown, tuple(done), problems)


def find_tracked(client: Any, experiment: str, identity: str) -> Any | None:
    """Find a run in an experiment by its identity; None where it is not there."""
    found = client.search_runs([experiment], f"tags.`{IDENTITY}` = '{identity}'", max_results=1)
    return found[0] if found else None


def create_tracked(client: Any, experiment: str, start_ms: int, tags: dict[str, str]) -> Any:
    """Begin a run on the server."""
    return client.create_run(experiment, start_time=start_ms, tags=tags, run_name=tags["mlflow.runName"])


def log_parameters(client: Any, uuid: str, parameters: Mapping[str, str], there: Mapping[str, str]) -> bool:
    """Add the parameters that are not there; MLflow never changes one. Tell whether any was missing."""
    from mlflow.entities import Param

    missing = [Param(key, value) for key, value in parameters.items() if key not in there]
    for some in _in_batches(missing, _PARAMETERS_AT_ONCE):
        client.log_batch(uuid, params=some)
    return bool(missing)


def log_points(client: Any, uuid: str, points: Sequence[Point]) -> bool:
    """Add values of metrics; tell whether there were any."""
    from mlflow.entities import Metric

    metrics = [Metric(point.key, point.value, point.time_ms, point.step) for point in points]
    for some in _in_batches(metrics, _METRICS_AT_ONCE):
        client.log_batch(uuid, metrics=some)
    return bool(metrics)


class _Export:
    """One run on its way.

    Args:
        client: Speaks to the server.
        experiment: ID of the experiment.
        content: What it is told.
        with_weights: Whether checkpoints go along.
    """

    def __init__(self, client: Any, experiment: str, content: RunContent, with_weights: bool) -> None:
        self._client, self._experiment, self._content = client, experiment, content
        self._with_weights = with_weights

    def run(self) -> ExportedRun:
        """Bring it over, or what of it is missing."""
        content = self._content
        found = find_tracked(self._client, self._experiment, content.identity)
        is_new = found is None
        tracked = found or create_tracked(
            self._client, self._experiment, content.start_ms, dict(content.tags)
        )
        uuid = tracked.info.run_id
        changed = log_parameters(self._client, uuid, content.parameters, tracked.data.params)
        changed |= log_points(self._client, uuid, content.points if is_new else [*self._missing_points(uuid)])
        is_complete = self._is_complete(tracked.data.tags)
        changed |= self._log_tags(uuid, tracked.data.tags)
        if not is_complete:
            self._log_dataset(uuid)
            self._log_files(uuid)
            self._client.set_tag(uuid, _COMPLETE, self._completeness())
            changed = True
        if (tracked.info.status, tracked.info.end_time) != (content.status, content.end_ms):
            self._end(uuid)
            changed = True
        kept = tuple(
            sorted(
                key
                for key, value in content.parameters.items()
                if tracked.data.params.get(key, value) != value
            )
        )
        outcome: Literal["new", "updated", "unchanged"] = (
            "new" if is_new else "updated" if changed else "unchanged"
        )
        return ExportedRun(content.run_id, content.experiment, uuid, outcome, kept)

    def _missing_points(self, uuid: str) -> Iterator[Point]:
        """Give the points that are not there, or not with this value as the latest of their step."""
        there: dict[str, dict[int, float]] = {}
        for key in dict.fromkeys(point.key for point in self._content.points):
            history = sorted(self._client.get_metric_history(uuid, key), key=lambda metric: metric.timestamp)
            there[key] = {metric.step: metric.value for metric in history}
        for point in self._content.points:
            if there[point.key].get(point.step) != point.value:
                yield point

    def _log_tags(self, uuid: str, there: dict[str, str]) -> bool:
        from mlflow.entities import RunTag

        changed = [RunTag(key, text) for key, text in self._content.tags.items() if there.get(key) != text]
        for some in _in_batches(changed, _PARAMETERS_AT_ONCE):
            self._client.log_batch(uuid, tags=some)
        return bool(changed)

    def _log_dataset(self, uuid: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        used = self._content.dataset
        if used is None:
            return
        source = json.dumps({"uri": "${data_root}"})
        profile = json.dumps(used.profile, ensure_ascii=False)
        dataset = Dataset(used.name, used.digest, "local", source, profile=profile)
        self._client.log_inputs(uuid, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    def _log_files(self, uuid: str) -> None:
        """Bring over the files of the run, and the table of cases as MLflow shows tables."""
        folder = self._content.folder
        for path in _files_of(folder, self._with_weights):
            parent = path.relative_to(folder).parent.as_posix()
            self._client.log_artifact(uuid, str(path), FILES if parent == "." else f"{FILES}/{parent}")
        if self._content.cases is not None:
            with tempfile.TemporaryDirectory() as temporary:
                table = Path(temporary) / CASE_TABLE
                table.write_text(json.dumps(self._content.cases, ensure_ascii=False), encoding="utf-8")
                self._client.log_artifact(uuid, str(table))
            self._client.set_tag(uuid, _TABLES, json.dumps([{"path": CASE_TABLE, "type": "table"}]))

    def _end(self, uuid: str) -> None:
        """Give the run its status, and its end where it has one."""
        if self._content.end_ms is None:
            self._client.update_run(uuid, status=self._content.status)
        else:
            self._client.set_terminated(uuid, self._content.status, end_time=self._content.end_ms)

    def _is_complete(self, there: dict[str, str]) -> bool:
        """Tell whether all files came over once; what has no fingerprint may have grown since."""
        said = there.get(_COMPLETE, "")
        wanted = self._completeness()
        return self._content.fingerprint is not None and said in (wanted, f"{wanted}, with weights")

    def _completeness(self) -> str:
        return f"{self._content.fingerprint or 'not sealed'}{', with weights' if self._with_weights else ''}"


def _files_of(folder: Path, with_weights: bool) -> Iterator[Path]:
    """Give the files of a run that go along: none of the addenda, which may hold the key to pseudonyms."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_ours = path.is_file() and not path.is_symlink() and path.name not in {LOCK_FILE, *LEFT_BY_SYSTEMS}
        left_out = {ADDENDA, "evaluations"} if with_weights else {ADDENDA, "evaluations", "checkpoints"}
        if is_ours and parts[0] not in left_out and not path.name.endswith(".tmp"):
            yield path


def _in_batches(items: Sequence[_Item], size: int) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
