"""A run is trained again from its folder alone: the same bits, or an honest word on what differs."""

import json
import os
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run
from segtrail.errors import Interrupted
from segtrail.record.local_paths import recall_data_root
from segtrail.reproduction import reproduce
from segtrail.reproduction.archived_code import train_with_archived_code

Command = Callable[..., Any]
SMALL = ("train.max_epochs=1", "report.enabled=false")
NETWORK = (
    "import torch\n"
    "class Net(torch.nn.Conv3d):\n"
    "    def __init__(self, in_channels, out_channels):\n"
    "        super().__init__(in_channels, out_channels, 3, padding=1)\n"
)


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run, alone in a folder that knows nothing of its data."""
    return copy_run(quick_run_dir, tmp_path / "elsewhere" / "runs" / quick_run_dir.name)


@pytest.fixture
def data(quick_run_dir: Path) -> Path:
    root = recall_data_root(quick_run_dir)
    assert root is not None
    return root


def answer_of(result: Any) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.mark.requirement("VER-05")
def test_a_run_ends_with_the_same_bits_from_its_folder_and_its_data_alone(
    run: Path, data: Path, segtrail: Command
) -> None:
    result = segtrail("reproduce", run, "--data", data, "--output-root", run.parents[1], "--json", "--record")
    answer = answer_of(result)
    assert (answer["verdict"], answer["conditions"], answer["code"]) == ("bitwise", [], "present")
    repeated = run.parent / answer["repeated_run_id"]
    assert json.loads((repeated / "run.json").read_text(encoding="utf-8"))["note"] == f"Reproduces {run.name}"
    (kept,) = (run / "addenda").glob("reproduction_*.json")
    assert json.loads(kept.read_text(encoding="utf-8"))["verdict"] == "bitwise"
    for folder in (run, repeated):
        assert segtrail("verify", folder).exit_code == 0


def test_without_the_place_of_the_data_it_asks_for_it(run: Path, segtrail: Command) -> None:
    result = segtrail("reproduce", run)
    assert result.exit_code == 2
    assert "--data" in result.stderr


def test_other_data_are_refused_before_training(
    run: Path, tmp_path: Path, make_dataset: Callable[..., Any], segtrail: Command
) -> None:
    result = segtrail("reproduce", run, "--data", make_dataset(4, "others").root, "--output-root", tmp_path)
    assert result.exit_code == 2
    assert f"The data are not those of {run.name}" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_run_that_was_changed_is_not_reproduced(run: Path, data: Path, segtrail: Command) -> None:
    (run / "history.csv").chmod(0o644)
    (run / "history.csv").write_text("changed", encoding="utf-8")
    result = segtrail("reproduce", run, "--data", data)
    assert result.exit_code == 1
    assert "is not what was sealed" in result.stderr


def test_a_run_that_goes_on_from_another_is_refused(run: Path, data: Path, segtrail: Command) -> None:
    answer = answer_of(segtrail("resume", run, "train.max_epochs=3", "--data", data, "--json"))
    result = segtrail("reproduce", answer["run_dir"], "--data", data)
    assert result.exit_code == 2
    assert f"goes on from a checkpoint of {run.name}" in result.stderr


def test_another_device_than_the_recorded_one_is_a_condition(
    run: Path, data: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        reproduce, "_recorded_choices", lambda *_: ["train.num_threads=2", "train.precision=bf16"]
    )
    result = segtrail("reproduce", run, "--data", data, "--output-root", run.parents[1], "--json")
    answer = json.loads(result.stdout)
    assert answer["verdict"] != "bitwise"
    assert result.exit_code == (0 if answer["verdict"] == "statistical" else 1)
    assert {one["what"] for one in answer["conditions"]} == {"device threads", "device precision"}
    assert answer["history"]["first"]["where"] == "main, epoch 1"


@pytest.mark.requirement("SAF-03")
def test_other_code_is_refused_and_the_archived_code_gives_the_same_bits_once_it_is_trusted(
    run: Path, data: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "hash_program", lambda: "0" * 64)
    command = ["reproduce", run, "--data", data, "--output-root", run.parents[1]]
    result = segtrail(*command)
    assert result.exit_code == 2
    assert "--trust-code runs it" in result.stderr
    answer = answer_of(segtrail(*command, "--trust-code", "--json"))
    assert (answer["verdict"], answer["conditions"], answer["code"]) == ("bitwise", [], "code.zip")


WAITING_PROGRAM = """
import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path(sys.argv[2], "stopped").touch()
    sys.exit(130)
signal.signal(signal.SIGTERM, stop)
pathlib.Path(sys.argv[2], "waiting").touch()
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_who_stops_it_stops_the_archived_code_too_and_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "run" / "provenance").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "run" / "provenance" / "code.zip", "w") as opened:
        opened.writestr("program/segtrail/__init__.py", "")
        opened.writestr("program/segtrail/__main__.py", WAITING_PROGRAM)
    stopper = threading.Thread(target=stop_when_there_is, args=(tmp_path / "waiting",))
    stopper.start()
    with pytest.raises(Interrupted, match="The code of run was stopped"):
        train_with_archived_code(tmp_path / "run", [str(tmp_path)], None)
    stopper.join()
    assert (tmp_path / "stopped").exists()


def stop_when_there_is(file: Path) -> None:
    """Send SIGTERM to this process alone, once a file is there."""
    for _ in range(1200):
        if file.exists():
            break
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def own_run(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A run of a network of one's own, whose source has changed since."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "my_network.py"
    source.write_text(NETWORK, encoding="utf-8")
    answer = answer_of(segtrail("train", tiny_config, "model={name: 'my_network:Net'}", *SMALL, "--json"))
    source.write_text(NETWORK.replace("padding=1", "padding=1, bias=False"), encoding="utf-8")
    sys.modules.pop("my_network")
    yield Path(answer["run_dir"])
    sys.modules.pop("my_network", None)


def test_own_code_that_has_changed_is_taken_from_the_run(own_run: Path, segtrail: Command) -> None:
    result = segtrail("reproduce", own_run, "--output-root", own_run.parents[1])
    assert result.exit_code == 2
    assert "my_network:Net differ" in result.stderr
    command = ["reproduce", own_run, "--output-root", own_run.parents[1], "--trust-code", "--json"]
    assert answer_of(segtrail(*command))["verdict"] == "bitwise"


@pytest.mark.requirement("SAF-03")
@pytest.mark.parametrize(
    "name", ["../outside.py", "/outside.py", "program/../../outside.py", "other/part.py"]
)
def test_hostile_code_archives_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "run" / "provenance").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "run" / "provenance" / "code.zip", "w") as opened:
        opened.writestr(name, "raise SystemExit")
    with pytest.raises(reproduce.InputError, match="which no code archive holds"):
        train_with_archived_code(tmp_path / "run", [], None)
    assert not (tmp_path / "outside.py").exists()
