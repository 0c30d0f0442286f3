"""``segtrail record``: any training runs as it would without it, and leaves a sealed record."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pytest
from pypdf import PdfReader
from records import lines_about, read_state

from segtrail.recording import record_training as record_training_module

Command = Callable[..., Any]


@pytest.mark.requirement("REC-09")
def test_command_code_and_packages_are_on_record(record_training: Command) -> None:
    run = record_training("--operator", "Ada", "--note", "first")
    state = read_state(run)
    assert state["status"] == "finished"
    assert (state["operator"], state["note"]) == ("Ada", "first")
    assert state["recorded"]["command"][1:] == ["train.py", "data"]
    assert state["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))
    with zipfile.ZipFile(run / "provenance" / "code.zip") as opened:
        own = {name for name in opened.namelist() if name.startswith("own/")}
    assert own == {"own/train.py", "own/settings.py"}
    packages = json.loads((run / "provenance" / "packages.json").read_text(encoding="utf-8"))["packages"]
    assert "torch" in {package["name"] for package in packages}


@pytest.mark.requirement("REC-09")
def test_every_file_of_the_data_is_listed_with_its_hash(record_training: Command, home: Path) -> None:
    run = record_training()
    with (run / "data_files.csv").open(encoding="utf-8", newline="") as stream:
        listed = {row["path"] for row in csv.DictReader(stream)}
    there = {path.relative_to(home / "data").as_posix() for path in (home / "data").rglob("*.*")}
    assert listed == there


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which files are opened")
def test_the_files_that_the_command_opened_are_in_the_journal(record_training: Command) -> None:
    (used,) = lines_about(record_training(), "data used")
    assert used["opened"] == ["labelsTr/case_2.nii.gz", "labelsTr/case_3.nii.gz"]
    assert used["changes"] == {}


def test_label_maps_are_measured_by_the_metrics_of_every_run(record_training: Command) -> None:
    run = record_training()
    with (run / "metrics_cases.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["case"], row["class"], row["dice"], row["hd95_mm"]) for row in rows] == [
        ("case_2", "ball", "1.0", "0.0"),
        ("case_3", "ball", "1.0", "0.0"),
    ]
    assert (run / "predictions" / "case_2.nii.gz").is_file()
    assert {path.suffix for path in (run / "examples").iterdir()} == {".png", ".json"}


def test_a_shifted_label_map_has_the_dice_of_the_overlap(run_python: Command, home: Path) -> None:
    reference = np.zeros((10, 10, 10), np.uint8)
    reference[2:6] = 1
    shifted = np.roll(reference, 1, axis=0)  # three of four planes overlap
    for folder, labels in (("references", reference), ("maps", shifted)):
        (home / folder).mkdir()
        nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), home / folder / "a.nii")
    _, run = run_python("", "--predictions", "maps", "--references", "references")
    summary = json.loads((run / "metrics_summary.json").read_text(encoding="utf-8"))
    assert summary["splits"]["val"]["label 1"]["metrics"]["dice"]["mean"] == pytest.approx(0.75)


def test_a_history_in_plain_form_becomes_that_of_the_run(record_training: Command) -> None:
    with (record_training() / "history.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["epoch"], row["train_loss"], row["val_dice"]) for row in rows] == [
        ("1", "0.9", "0.2"),
        ("2", "0.4", "0.7"),
    ]


def test_what_the_command_wrote_is_kept(record_training: Command) -> None:
    run = record_training()
    kept = {path.relative_to(run).as_posix() for path in (run / "outputs").rglob("*") if path.is_file()}
    assert kept == {
        "outputs/weights.pt",
        "outputs/history.csv",
        "outputs/maps/case_2.nii.gz",
        "outputs/maps/case_3.nii.gz",
    }


def test_files_that_were_there_before_are_not_kept(run_python: Command, home: Path) -> None:
    (home / "written").mkdir()
    (home / "written" / "old.txt").write_text("old", encoding="utf-8")
    _, run = run_python("open('written/new.txt', 'w').write('new')", "--outputs", "written")
    assert [path.name for path in (run / "outputs" / "written").iterdir()] == ["new.txt"]


def test_what_the_command_says_is_shown_and_logged_without_machine_paths(
    record_training: Command, home: Path
) -> None:
    log = (record_training() / "train.log").read_text(encoding="utf-8")
    assert "learning rate 0.01" in log
    assert "data in ${data_root}" in log
    assert str(home) not in log


def test_of_a_progress_bar_the_last_state_is_logged(run_python: Command) -> None:
    _, run = run_python("print('10 %\\r50 %\\r100 %')")
    log = (run / "train.log").read_text(encoding="utf-8")
    assert "100 %" in log
    assert "50 %" not in log


def test_the_report_tells_what_was_recorded_and_with_which_result(record_training: Command) -> None:
    run = record_training("--report", "--operator", "Ada")
    pages = [page.extract_text() for page in PdfReader(run / "report.pdf").pages]
    text = " ".join(" ".join(pages).replace("\u200b", "").split())
    assert "a mean Dice of 1.000 for ball" in text
    assert "Another program trained; segtrail ran it" in text
    assert "train.py data" in text
    assert "Outputs kept 4 files" in text
    assert "Validation Dice as the program logged it." in text
    assert (
        "Passed: the command, which ended with exit code 0; no class missed or invented in "
        "2 validation cases" in text
    )


@pytest.mark.requirement("REC-10")
def test_the_record_verifies_and_its_metrics_are_made_again(
    record_training: Command, segtrail: Command
) -> None:
    run = record_training()
    answer = segtrail("verify", run, "--data", "data", "--rerun", "--json")
    told = json.loads(answer.stdout)
    checks = {check["check"]: check["status"] for check in told["checks"]}
    assert answer.exit_code == 0, answer.stdout
    assert {checks[name] for name in ("files", "journal", "seal", "facts", "provenance")} == {"pass"}
    assert {checks[name] for name in ("history", "metrics", "data", "rerun")} == {"pass"}


def test_the_record_is_archived_with_its_data_and_restored(
    record_training: Command, segtrail: Command
) -> None:
    record_training()
    archived = segtrail("archive", "latest", "--to", "place", "--with-data")
    assert archived.exit_code == 0, archived.stderr
    (path,) = Path("place").glob("*.segtrail.zip")
    restored = segtrail("restore", path, "--to", "back", "--with-data")
    assert restored.exit_code == 0, restored.stderr
    assert segtrail("verify", "latest", "--output-root", "back", "--data", "data").exit_code == 0


def test_the_experiment_log_lists_it_beside_other_runs(record_training: Command, segtrail: Command) -> None:
    record_training("--note", "of another program")
    (row,) = json.loads(segtrail("log", "--json", "--columns", "+model").stdout)["runs"]
    assert (row["status"], row["dice"], row["model"]) == ("finished", 1.0, {"main": "train.py"})
    assert row["problems"] == []


def test_the_exit_code_is_that_of_the_command_and_the_record_is_sealed(
    run_python: Command, segtrail: Command
) -> None:
    answer, run = run_python("import sys\nprint('no data')\nsys.exit(7)")
    state = read_state(run)
    assert answer.exit_code == 7
    assert (state["status"], state["recorded"]["exit_code"]) == ("failed", 7)
    assert "no data" in (run / "train.log").read_text(encoding="utf-8")
    assert segtrail("verify", run).exit_code == 0


def test_a_command_that_a_signal_ended_is_told_with_its_name(run_python: Command) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no such signals")
    answer, run = run_python("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert answer.exit_code == 128 + signal.SIGKILL
    assert read_state(run)["ended_because"] == "the command was ended by SIGKILL"


WAITING = """
import signal, sys, time
def stop(*_):
    print('asked to stop')
    sys.exit(3)
signal.signal(signal.SIGTERM, stop)
print('begun')
time.sleep(60)
"""


def start_recording(home: Path, code: str) -> tuple["subprocess.Popen[str]", Path]:
    """Start to record a script in a process of its own, and wait until the script says something."""
    (home / "script.py").write_text(code, encoding="utf-8")
    recording = subprocess.Popen(
        [sys.executable, "-m", "segtrail", "record", "--no-report", "--", sys.executable, "script.py"],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert recording.stdout is not None
    for line in recording.stdout:
        if line.startswith("begun"):
            break
    (run,) = (home / "outputs" / "runs").iterdir()
    return recording, run


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGTERM")
def test_sigterm_goes_on_to_the_command_and_the_record_is_sealed(home: Path, segtrail: Command) -> None:
    recording, run = start_recording(home, WAITING)
    recording.terminate()
    said, _ = recording.communicate(timeout=60)
    assert "asked to stop" in said
    assert recording.returncode == 130
    assert read_state(run)["status"] == "interrupted"
    assert read_state(run)["recorded"]["exit_code"] == 3
    assert segtrail("verify", run).exit_code == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGKILL")
def test_a_record_whose_recorder_was_killed_can_be_sealed(home: Path, segtrail: Command) -> None:
    recording, run = start_recording(home, "import time\nprint('begun')\ntime.sleep(3)")
    recording.kill()
    recording.communicate(timeout=60)
    assert read_state(run)["status"] == "running"
    assert segtrail("seal", run).exit_code == 0
    assert read_state(run)["status"] == "interrupted"
    assert segtrail("verify", run).exit_code == 0


@pytest.mark.parametrize("step", ["_note_data", "_keep", "_note_outputs", "_read", "_note_end"])
def test_a_recorder_that_dies_behind_the_command_leaves_a_record_that_can_be_sealed(
    step: str, home: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise SystemExit

    command = ("record", "--data", "data", "--no-report", "--", sys.executable, "-c", "print(1)")
    with monkeypatch.context() as patch:
        patch.setattr(record_training_module, step, die)
        segtrail(*command)
    (run,) = (home / "outputs" / "runs").iterdir()
    assert read_state(run)["status"] == "running"
    assert segtrail("seal", run).exit_code == 0
    verified = segtrail("verify", run)
    assert verified.exit_code == 0, verified.stdout
    assert read_state(run)["recorded"]["exit_code"] == 0


def test_outputs_for_which_there_is_no_room_leave_the_rest_of_the_record_whole(
    run_python: Command, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    monkeypatch.setattr(record_training_module, "_require_usable", lambda _: None)
    answer, run = run_python(
        "import os\nos.mkdir('made')\nopen('made/a.txt', 'w').write('a')", "--outputs", "made"
    )
    assert answer.exit_code == 1
    assert "Not all outputs were copied into the record" in answer.stderr
    assert Path("made/a.txt").is_file()
    assert read_state(run)["status"] == "finished"
    assert segtrail("verify", run).exit_code == 0


def test_data_that_the_command_changed_are_told(run_python: Command, segtrail: Command) -> None:
    change = "open('data/labelsTr/case_0.nii.gz', 'ab').write(b'more')\nopen('data/new.txt', 'w')"
    _, run = run_python(change, "--data", "data")
    changes = {"labelsTr/case_0.nii.gz": "changed", "new.txt": "added"}
    assert read_state(run)["recorded"]["data"]["changes"] == changes
    verified = segtrail("verify", run, "--data", "data")
    assert verified.exit_code == 1
    assert "labelsTr/case_0.nii.gz is another file" in verified.stdout


def test_a_link_among_the_outputs_is_not_kept_and_that_is_told(run_python: Command) -> None:
    if os.name == "nt":
        pytest.skip("links need rights on Windows")
    link = "import os\nos.symlink('/etc/hosts', os.environ['SEGTRAIL_OUTPUTS'] + '/hosts')"
    answer, run = run_python(link)
    assert not (run / "outputs" / "hosts").exists()
    assert "hosts among the outputs was a link" in answer.stdout
    assert "was a link" in read_state(run)["recorded"]["gaps"][-1]


def test_a_name_that_not_every_system_takes_is_changed(run_python: Command) -> None:
    if os.name == "nt":
        pytest.skip("Windows makes no such file")
    _, run = run_python("import os\nopen(os.environ['SEGTRAIL_OUTPUTS'] + '/12:30.txt', 'w').write('x')")
    assert [path.name for path in (run / "outputs").iterdir()] == ["12_30.txt"]


def test_the_packages_are_those_of_the_python_that_runs_the_command(
    home: Path, segtrail: Command, tmp_path: Path
) -> None:
    venv.create(tmp_path / "other", with_pip=False)
    python = tmp_path / "other" / ("Scripts" if os.name == "nt" else "bin") / "python"
    assert segtrail("record", "--", python, "-c", "print(1)").exit_code == 0
    (run,) = (home / "outputs" / "runs").iterdir()
    packages = json.loads((run / "provenance" / "packages.json").read_text(encoding="utf-8"))["packages"]
    assert packages == []


def test_a_script_names_its_python_in_its_first_line(home: Path, segtrail: Command) -> None:
    if os.name == "nt":
        pytest.skip("Windows reads no first lines")
    script = home / "train_it"
    script.write_text(f"#!{sys.executable}\nprint('hello')\n", encoding="utf-8")
    script.chmod(0o755)
    assert segtrail("record", "--", script).exit_code == 0
    (run,) = (home / "outputs" / "runs").iterdir()
    assert read_state(run)["environment"]["torch"]


def test_a_command_that_is_no_python_leaves_an_honest_gap(home: Path, segtrail: Command) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no such program")
    assert segtrail("record", "--", "true").exit_code == 0
    (run,) = (home / "outputs" / "runs").iterdir()
    gaps = json.loads((run / "provenance" / "provenance.json").read_text(encoding="utf-8"))["gaps"]
    assert any("not seen to be a Python program" in gap for gap in gaps)
    assert any("names no script of its own" in gap for gap in gaps)


def test_options_behind_the_command_are_its_own(home: Path, segtrail: Command) -> None:
    answer = segtrail("record", sys.executable, "--version")
    assert answer.exit_code == 0, answer.stderr
    (run,) = (home / "outputs" / "runs").iterdir()
    assert read_state(run)["recorded"]["command"][-1] == "--version"


def test_the_command_computes_with_the_environment_that_it_would_have_without_segtrail(home: Path) -> None:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    before = {name: value for name, value in os.environ.items() if name != "CUBLAS_WORKSPACE_CONFIG"}
    recording = [sys.executable, "-m", "segtrail", "record", "--no-report", "--", sys.executable, "-c", code]
    done = subprocess.run(recording, cwd=home, env=before, capture_output=True, text=True, check=True)
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    given = json.loads(told)
    changed = {name for name in given.keys() | before.keys() if given.get(name) != before.get(name)}
    assert changed - {"LC_CTYPE"} == {"SEGTRAIL_OUTPUTS", "PYTHONUNBUFFERED"} - before.keys()


@pytest.mark.parametrize(
    "command",
    [("resume",), ("evaluate",), ("reproduce",), ("card",), ("predict", "x.nii.gz", "--output", "y")],
)
def test_what_needs_a_network_of_segtrail_says_that_there_is_none(
    command: tuple[str, ...], run_python: Command, segtrail: Command
) -> None:
    _, run = run_python("print(1)")
    answer = segtrail(command[0], run, *command[1:])
    assert answer.exit_code == 2
    assert "record of another program's training (script.py)" in answer.stderr


def test_label_maps_that_cannot_be_measured_leave_the_rest_of_the_record_whole(
    run_python: Command, home: Path, segtrail: Command
) -> None:
    for folder, shape in (("references", (4, 4, 4)), ("maps", (4, 4, 5))):
        (home / folder).mkdir()
        nibabel.save(nibabel.Nifti1Image(np.ones(shape, np.uint8), np.eye(4)), home / folder / "a.nii.gz")
    answer, run = run_python("", "--predictions", "maps", "--references", "references")
    assert answer.exit_code == 1
    assert "has 4 x 4 x 5 voxels, its reference 4 x 4 x 4" in answer.stderr
    assert "could not be read as asked" in read_state(run)["recorded"]["gaps"][-1]
    assert segtrail("verify", run).exit_code == 0


def test_a_recording_in_json_is_one_object(run_python: Command) -> None:
    answer, run = run_python("print('said')", "--json")
    told = json.loads(answer.stdout)
    assert (told["run_id"], told["status"], told["command_exit_code"]) == (run.name, "finished", 0)


def test_output_of_a_process_that_was_left_behind_holds_nothing_up(run_python: Command) -> None:
    if os.name == "nt":
        pytest.skip("the processes of Windows end otherwise")
    started = time.monotonic()
    left = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)'])"
    answer, _ = run_python(left)
    assert answer.exit_code == 0
    assert time.monotonic() - started < 100
