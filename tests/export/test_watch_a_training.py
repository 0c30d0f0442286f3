"""A training that MLflow watches, and one whose server is away, wrong or hanging."""

import csv
import json
import socket
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from segtrail.config.load import load_config
from segtrail.experiment.watching import watched
from segtrail.progress import Narrator
from segtrail.record.history import HistoryRow
from segtrail.record.run_folder import RunFolder

Command = Callable[..., Any]
Train = Callable[..., Path]
_UNWATCHED: list[dict[str, str]] = []
MEASURED = ("seconds", "patches_per_second", "peak_memory_mb")


@pytest.fixture
def train(segtrail: Command, tiny_config: Path) -> Train:
    """Train the tiny network and return its run folder."""

    def run(*changes: str) -> Path:
        result = segtrail("train", tiny_config, "report.enabled=false", "--json", *changes)
        assert result.exit_code == 0, result.stderr
        return Path(json.loads(result.stdout)["run_dir"])

    return run


@pytest.fixture
def unwatched(train: Train, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What a training gives that nobody watches; the data are the same in every test, so one serves all."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    if not _UNWATCHED:
        _UNWATCHED.extend(results_of(train()))
    return _UNWATCHED


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A server that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def results_of(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(encoding="utf-8", newline="") as stream:
        return [
            {name: value for name, value in row.items() if name not in MEASURED}
            for row in csv.DictReader(stream)
        ]


def tracked(client: Any, run: Path) -> Any:
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    [found] = client.search_runs(experiments, f"tags.`segtrail.run_id` = '{run.name}'")
    return found


@pytest.mark.requirement("EXP-05")
def test_every_epoch_is_told_while_the_run_trains_and_an_export_completes_it(
    train: Train, client: Any, tracking_uri: str, to_mlflow: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segtrail.export.mlflow.live._LAST_WAIT_SECONDS", 300)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri)
    run = train("train.watch=mlflow")
    known = tracked(client, run)
    history = client.get_metric_history(known.info.run_id, "main/train_loss")
    assert {metric.step: metric.value for metric in history} == {
        int(row["epoch"]): float(row["train_loss"]) for row in results_of(run)
    }
    assert known.info.status == "FINISHED"
    assert known.data.params["train.max_epochs"] == "2"
    assert "MLflow" not in (run / "train.log").read_text(encoding="utf-8")
    assert to_mlflow(run).exit_code == 0
    completed = tracked(client, run)
    assert completed.info.run_id == known.info.run_id
    assert completed.data.metrics.keys() > known.data.metrics.keys()
    assert len(client.get_metric_history(known.info.run_id, "main/val_dice")) == 2


@pytest.mark.requirement("EXP-06")
def test_a_server_that_refuses_changes_nothing_and_is_told_of_once(
    train: Train,
    unwatched: list[dict[str, str]],
    listening: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = listening.getsockname()[1]
    listening.close()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    run = train("train.watch=mlflow")
    log = (run / "train.log").read_text(encoding="utf-8")
    assert results_of(run) == unwatched
    assert log.count("MLflow was told of 0 of 2 epochs") == 1
    assert f"segtrail export {run.name} --to mlflow" in log
    assert str(port) not in log


@pytest.mark.requirement("EXP-06")
def test_a_server_that_hangs_does_not_hold_the_training(
    train: Train,
    unwatched: list[dict[str, str]],
    listening: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("segtrail.export.mlflow.live._LAST_WAIT_SECONDS", 0.2)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{listening.getsockname()[1]}")
    run = train("train.watch=mlflow")
    assert results_of(run) == unwatched
    assert "0 of 2 epochs, since the tracking server has not answered in time" in (
        run / "train.log"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("uri", "sentence"), [(None, "is not set"), ("./mlruns", "names no tracking server")]
)
def test_without_a_server_that_is_named_a_sentence_says_so_and_nothing_else_happens(
    tiny_config: Path, quick_run_dir: Path, monkeypatch: pytest.MonkeyPatch, uri: str | None, sentence: str
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if uri is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    said = StringIO()
    config = load_config(tiny_config, ["train.watch=mlflow"])
    with watched(RunFolder(quick_run_dir), config, Narrator(said)) as on_epoch:
        on_epoch(HistoryRow("main", 1, 1.0, 0.5, 0.5, 0.1, 1e-3, 1.0, 1.0, 1.0))
    assert f"MLFLOW_TRACKING_URI {sentence}" in said.getvalue()


@pytest.mark.requirement("EXP-06")
def test_a_queue_that_is_full_lets_the_oldest_go(
    quick_run_dir: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.export.mlflow import live

    monkeypatch.setattr(live, "_MOST_WAITING", 3)
    monkeypatch.setattr(live, "_LAST_WAIT_SECONDS", 0.1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{listening.getsockname()[1]}")
    log = live.LiveLog(quick_run_dir)
    for epoch in range(10):
        log.tell("main", {"epoch": epoch, "train_loss": 1.0})
    sentence = log.close("FINISHED")
    assert sentence is not None
    assert "0 of 10 epochs" in sentence
