"""Runs on a tracking server of MLflow, read back through its own interface."""

import csv
import getpass
import json
import os
import platform
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run, unseal
from segtrail.export.mlflow.content import parameters_of, safe_key
from segtrail.record.manifest import fingerprint

Command = Callable[..., Any]


def exported(result: Any) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["runs"][0]


@pytest.fixture
def tracked(to_mlflow: Command, client: Any, quick_run_dir: Path) -> Any:
    """The finished run, as the server knows it."""
    return client.get_run(exported(to_mlflow(quick_run_dir, "--json"))["mlflow_run_id"])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.requirement("EXP-01")
def test_parameters_are_the_configuration_key_by_key(tracked: Any) -> None:
    assert tracked.data.params["train.max_epochs"] == "2"
    assert tracked.data.params["patch.patch_size"] == "[16, 16, 8]"
    assert tracked.data.params["optim.schedule.name"] == "polynomial"
    assert tracked.data.params["paths.data_root"] == "${data_root}"


@pytest.mark.requirement("EXP-01")
def test_the_history_is_there_epoch_by_epoch(tracked: Any, client: Any, quick_run_dir: Path) -> None:
    rows = rows_of(quick_run_dir / "history.csv")
    for name in ("train_loss", "val_dice", "learning_rate"):
        history = client.get_metric_history(tracked.info.run_id, f"main/{name}")
        found = {metric.step: metric.value for metric in history}
        assert found == {int(row["epoch"]): float(row[name]) for row in rows}
        assert all(
            tracked.info.start_time <= metric.timestamp <= tracked.info.end_time + 1000 for metric in history
        )


@pytest.mark.requirement("EXP-01")
def test_the_results_are_metrics_of_the_run(tracked: Any, quick_run_dir: Path) -> None:
    summary = json.loads((quick_run_dir / "metrics_summary.json").read_text(encoding="utf-8"))
    known = summary["splits"]["val"]["ball"]
    assert tracked.data.metrics["val/ball/dice_mean"] == known["metrics"]["dice"]["mean"]
    assert tracked.data.metrics["val/ball/cases"] == known["n"]
    assert tracked.data.metrics["test/ball/cases"] == 1


@pytest.mark.requirement("EXP-01")
def test_the_table_of_cases_is_one_that_mlflow_shows_and_loads(
    tracked: Any, client: Any, quick_run_dir: Path, tmp_path: Path
) -> None:
    assert json.loads(tracked.data.tags["mlflow.loggedArtifacts"]) == [
        {"path": "metrics_cases.json", "type": "table"}
    ]
    path = client.download_artifacts(tracked.info.run_id, "metrics_cases.json", str(tmp_path))
    table = json.loads(Path(path).read_text(encoding="utf-8"))
    rows = rows_of(quick_run_dir / "metrics_cases.csv")
    column = table["columns"].index("dice")
    assert [row[0] for row in table["data"]] == [row["case"] for row in rows]
    assert [row[column] for row in table["data"]] == [float(row["dice"]) for row in rows]


@pytest.mark.requirement("EXP-01")
def test_the_files_are_those_of_the_run_without_weights_and_addenda(
    tracked: Any, client: Any, quick_run_dir: Path, tmp_path: Path
) -> None:
    folder = Path(client.download_artifacts(tracked.info.run_id, "run", str(tmp_path)))
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    ours = {path.relative_to(quick_run_dir).as_posix() for path in quick_run_dir.rglob("*") if path.is_file()}
    assert there == {name for name in ours if not name.startswith(("checkpoints/", "addenda/"))}
    assert (folder / "manifest.json").read_bytes() == (quick_run_dir / "manifest.json").read_bytes()


@pytest.mark.requirement("EXP-01")
def test_tags_status_times_and_data_set_are_those_of_the_run(tracked: Any, quick_run_dir: Path) -> None:
    state = json.loads((quick_run_dir / "run.json").read_text(encoding="utf-8"))
    data = json.loads((quick_run_dir / "dataset_summary.json").read_text(encoding="utf-8"))
    assert tracked.data.tags["segtrail.fingerprint"] == fingerprint(quick_run_dir)
    assert tracked.data.tags["segtrail.run_id"] == tracked.info.run_name == quick_run_dir.name
    assert tracked.data.tags["segtrail.version.torch"] == state["environment"]["torch"]
    assert tracked.data.tags["mlflow.note.content"] == "a note"
    assert tracked.info.status == "FINISHED"
    assert tracked.info.end_time > tracked.info.start_time
    [used] = tracked.inputs.dataset_inputs
    assert used.dataset.name == "Balls"
    assert data["fingerprint"].startswith(used.dataset.digest)
    assert json.loads(used.dataset.profile)["cases"] == {"all": 5, "train": 2, "val": 2, "test": 1}


@pytest.mark.requirement("EXP-02")
def test_a_run_that_is_there_is_left_and_never_doubled(
    tracked: Any, to_mlflow: Command, client: Any, quick_run_dir: Path
) -> None:
    again = exported(to_mlflow(quick_run_dir, "--json"))
    assert (again["outcome"], again["mlflow_run_id"]) == ("unchanged", tracked.info.run_id)
    assert len(client.get_metric_history(tracked.info.run_id, "main/val_dice")) == 2
    identity = tracked.data.tags["segtrail.identity"]
    found = client.search_runs([tracked.info.experiment_id], f"tags.`segtrail.identity` = '{identity}'")
    assert [run.info.run_id for run in found] == [tracked.info.run_id]


@pytest.mark.requirement("EXP-02")
def test_what_is_missing_of_a_run_is_added(
    to_mlflow: Command, client: Any, run_dir: Path, another_run: Command
) -> None:
    another_run()
    finished = copy_run(run_dir, run_dir.parent / "run_20990101_000000")
    unseal(run_dir)
    lines = (run_dir / "history.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (run_dir / "history.csv").write_text("".join(lines[:2]), encoding="utf-8")
    state = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    (run_dir / "run.json").write_text(json.dumps({**state, "status": "interrupted"}), encoding="utf-8")
    first = exported(to_mlflow(run_dir, "--json"))
    assert client.get_run(first["mlflow_run_id"]).info.status == "KILLED"
    second = exported(to_mlflow(finished, "--json"))
    assert (second["outcome"], second["mlflow_run_id"]) == ("updated", first["mlflow_run_id"])
    known = client.get_run(first["mlflow_run_id"])
    assert known.info.status == "FINISHED"
    assert {m.step for m in client.get_metric_history(known.info.run_id, "main/val_dice")} == {1, 2}
    assert known.data.tags["segtrail.fingerprint"] == fingerprint(finished)


def test_a_later_note_comes_along(
    to_mlflow: Command, client: Any, run_dir: Path, another_run: Command, segtrail: Command
) -> None:
    another_run()
    first = exported(to_mlflow(run_dir, "--json"))
    (run_dir / "addenda").mkdir(exist_ok=True)
    assert segtrail("note", run_dir, "seen by two readers").exit_code == 0
    assert exported(to_mlflow(run_dir, "--json"))["outcome"] == "updated"
    note = client.get_run(first["mlflow_run_id"]).data.tags["mlflow.note.content"]
    assert note == "a note\n\nseen by two readers"


def test_weights_go_along_when_they_are_asked_for(
    to_mlflow: Command, client: Any, run_dir: Path, another_run: Command
) -> None:
    another_run()
    assert exported(to_mlflow(run_dir, "--json"))["outcome"] == "new"
    uuid = exported(to_mlflow(run_dir, "--with-weights", "--json"))["mlflow_run_id"]
    assert {file.path for file in client.list_artifacts(uuid, "run/checkpoints")} == {
        "run/checkpoints/best.pt",
        "run/checkpoints/last.pt",
    }
    assert exported(to_mlflow(run_dir, "--json"))["outcome"] == "unchanged"


def test_all_runs_are_brought_over_and_a_damaged_one_is_named(
    to_mlflow: Command, run_dir: Path, another_run: Command
) -> None:
    another_run()
    broken = copy_run(run_dir, run_dir.parent / "run_20990101_000000")
    (broken / "history.csv").write_text("stage,epoch\nmain,first\n", encoding="utf-8")
    root = run_dir.parent.parent
    result = to_mlflow("--all", "--output-root", root)
    assert result.exit_code == 1
    assert f"{run_dir.name} was added" in result.stdout
    assert re.search(r"run_20990101_000000: .*history.csv is damaged", result.stderr)


@pytest.mark.requirement("EXP-03")
@pytest.mark.usefixtures("tracked")
def test_nothing_of_the_machine_is_told(tracking_uri: str, quick_run_dir: Path, tmp_path: Path) -> None:
    database = tmp_path / "copy.db"
    shutil.copy(tracking_uri.removeprefix("sqlite:///"), database)
    with sqlite3.connect(database) as connection:
        told = "\n".join(
            str(row)
            for table in ("params", "tags", "latest_metrics", "datasets", "input_tags")
            for row in connection.execute(f"select * from {table}")
        )
        users = {row[0] for row in connection.execute("select user_id from runs")}
    assert str(quick_run_dir.parents[2]) not in told
    assert users == {"unknown"}
    for name in {getpass.getuser(), platform.node()} - {"root", "localhost", ""}:
        assert not re.search(rf"\b{re.escape(name)}\b", told)


def test_a_value_that_is_too_long_is_cut_and_says_so() -> None:
    value = parameters_of({"split": {"val": ["case"] * 2000}})["split.val"]
    assert len(value) == 6000
    assert value.endswith("(cut; the files of the run have all)")


def test_names_with_other_letters_become_keys_that_mlflow_takes() -> None:
    assert safe_key("val/left atrium (wall)/dice%") == "val/left atrium _wall_/dice_"
    assert len(safe_key("x" * 300)) == 250


@pytest.mark.requirement("EXP-04")
@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "mlruns", "ftp://host/runs"])
def test_stores_of_plain_files_are_refused(segtrail: Command, quick_run_dir: Path, uri: str) -> None:
    result = segtrail("export", quick_run_dir, "--to", "mlflow", "--tracking-uri", uri)
    assert result.exit_code == 2
    assert "is no tracking server" in result.stderr
    assert "sqlite:///mlflow.db" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Which tracking server?"),
        (["--tracking-uri", "http://:5000"], "names no host"),
        (["--tracking-uri", "sqlite://"], "names no file"),
        (["--share"], "What is to be made of the run?"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    segtrail: Command,
    quick_run_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    result = segtrail("export", quick_run_dir, "--to", "mlflow", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_the_server_may_be_named_as_mlflow_does(
    segtrail: Command, tracked: Any, tracking_uri: str, quick_run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri)
    result = segtrail("export", quick_run_dir, "--to", "mlflow", "--json")
    assert exported(result)["mlflow_run_id"] == tracked.info.run_id


@pytest.mark.requirement("EXP-04")
def test_a_server_that_is_away_is_named_without_its_password(
    segtrail: Command, quick_run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    uri = f"http://anna:secret@127.0.0.1:{port}"
    result = segtrail("export", quick_run_dir, "--to", "mlflow", "--tracking-uri", uri)
    assert result.exit_code == 2
    assert f"http://...@127.0.0.1:{port} can't be worked with" in result.stderr
    assert "secret" not in result.stderr
    assert "Traceback" not in result.stderr


def test_without_the_package_the_sentence_names_the_extra(
    segtrail: Command, quick_run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    result = segtrail("export", quick_run_dir, "--to", "mlflow", "--tracking-uri", "sqlite:///x.db")
    assert result.exit_code == 2
    assert "pip install 'segtrail[mlflow]'" in result.stderr


@pytest.fixture
def postgres_uri() -> Iterator[str]:
    """A PostgreSQL of Debian's package in a folder of its own, on a port that was free."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp())
    as_user: list[str] = []
    if os.getuid() == 0:  # which PostgreSQL refuses to run as
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"

    def run(program: str, *arguments: object) -> None:
        command = [*as_user, programs[-1] / program, "-D", data, *arguments]
        subprocess.run(list(map(str, command)), check=True, cwd=folder)

    run("initdb", "-U", "runs", "-A", "trust")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}"
    run("pg_ctl", "-w", "-o", options, "-l", folder / "log", "start")
    try:
        yield f"postgresql+psycopg2://runs@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-w", "-m", "fast", "stop")
        shutil.rmtree(folder)


@pytest.mark.slow
def test_a_postgresql_takes_runs_too(
    segtrail: Command, quick_run_dir: Path, postgres_uri: str, tmp_path: Path
) -> None:
    from mlflow.tracking import MlflowClient

    command = ("export", quick_run_dir, "--to", "mlflow", "--tracking-uri", postgres_uri, "--json")
    refused = segtrail(*command)
    assert refused.exit_code == 2
    assert "--artifact-root" in refused.stderr
    root = (tmp_path / "files").as_uri()
    first = exported(segtrail(*command, "--artifact-root", root))
    assert exported(segtrail(*command))["outcome"] == "unchanged"
    known = MlflowClient(tracking_uri=postgres_uri).get_run(first["mlflow_run_id"])
    assert known.data.params["train.max_epochs"] == "2"
    assert known.data.metrics["test/ball/cases"] == 1
