"""The commands: what they print, and how they end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run

Command = Callable[..., Any]
REPOSITORY = Path(__file__).parents[2]


def run_python(*arguments: str, cwd: Path = REPOSITORY) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, check=False)


def test_help_imports_neither_torch_nor_monai() -> None:
    code = (
        "import sys\nfrom segtrail.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'monai', 'numpy', 'matplotlib') if name in sys.modules])"
    )
    assert run_python("-c", code).stdout.splitlines()[-1] == "[]"


@pytest.mark.requirement("SAF-06")
def test_the_report_of_a_run_imports_neither_torch_nor_monai(quick_run_dir: Path) -> None:
    code = (
        "import sys\nfrom segtrail.cli import main\n"
        f"try:\n    main(['report', {str(quick_run_dir)!r}])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'monai') if name in sys.modules])"
    )
    assert run_python("-c", code).stdout.splitlines()[-1] == "[]"


def test_no_module_named_train_is_installed() -> None:
    assert run_python("-P", "-c", "import train", cwd=Path(os.sep)).returncode == 1


def test_the_runbook_commands_train_and_report(tmp_path: Path, tiny_config: Path) -> None:
    trained = run_python("-m", "src.train", "--config", str(tiny_config), "train.max_epochs=1")
    assert trained.returncode == 0, trained.stderr
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    before = (run / "report.pdf").read_bytes()
    reported = run_python("scripts/04_make_pdf_report.py", "--run_dir", str(run))
    assert reported.returncode == 0, reported.stderr
    assert reported.stdout.splitlines() == [f"Report: {run / name}" for name in ("report.pdf", "report.html")]
    assert (run / "report.pdf").read_bytes() == before


def test_train_with_json_prints_one_object_and_progress_elsewhere(
    tiny_config: Path, segtrail: Command
) -> None:
    result = segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false", "--json")
    assert json.loads(result.stdout)["status"] == "finished"
    assert "Epoch 1/1" in result.stderr


def test_an_error_with_json_is_one_object_too(segtrail: Command) -> None:
    result = segtrail("train", "nowhere.yaml", "--json")
    assert json.loads(result.stdout)["exit_code"] == 2
    assert result.exit_code == 2


@pytest.mark.parametrize("arguments", [["evaluate"], ["train", "--nope"], ["nonsense"], ["report"]])
def test_a_wrong_command_line_with_json_is_one_object_and_one_line(
    arguments: list[str], segtrail: Command
) -> None:
    result = segtrail(*arguments, "--json")
    assert json.loads(result.stdout)["exit_code"] == result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_a_fault_of_the_program_with_json_is_one_object_and_its_trace(
    tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.config import load

    monkeypatch.setattr(load, "load_config", lambda *_: 1 / 0)
    result = segtrail("train", tiny_config, "--json")
    assert "ZeroDivisionError" in json.loads(result.stdout)["error"]
    assert "Traceback" in result.stderr
    assert result.exit_code == 1


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.skipif(os.name == "nt", reason="Windows can't fork, and names the start of a process otherwise")
def test_what_own_code_prints_does_not_come_between_the_answer(
    tmp_path: Path, tiny_config: Path, start: str
) -> None:
    code = "def transform(image, label, generator):\n    print('hello')\n    return image, label\n"
    (tmp_path / "talkative.py").write_text(code, encoding="utf-8")
    overrides = ["augment.transforms=['talkative:transform']", "train.max_epochs=1", "train.num_workers=1"]
    program = (
        "import multiprocessing\nfrom segtrail.cli import main\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({start!r})\n"
        f"    main(['train', {str(tiny_config)!r}, *{overrides!r}, 'report.enabled=false', '--json'])\n"
    )
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    result = run_python("program.py", cwd=tmp_path)
    assert json.loads(result.stdout)["status"] == "finished"
    assert result.stderr.count("hello") == 7, "one of the rehearsal, six of the epoch"


@pytest.mark.skipif(os.name == "nt", reason="there is no head")
def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    command = f'"{sys.executable}" -m segtrail doctor | head -n 1'
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert result.stderr == ""


def test_two_evaluations_saved_at_once_both_stay(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.record import run_folder

    class Stopped(run_folder.datetime):  # type: ignore[misc, name-defined]
        @classmethod
        def now(cls, zone: Any = None) -> Any:
            return cls(2026, 1, 1, tzinfo=zone)

    monkeypatch.setattr(run_folder, "datetime", Stopped)
    run = tmp_path / quick_run_dir.name
    copy_run(quick_run_dir, run)
    for _ in range(2):
        segtrail("evaluate", run, "--data", quick_run_dir.parents[2] / "data", "--cases", "case_2", "--save")
    names = sorted(path.name for path in (run / "addenda" / "evaluations").iterdir())
    assert names == ["Balls_20260101_000000", "Balls_20260101_000001"]


def test_latest_names_the_newest_run(tmp_path: Path, tiny_config: Path, segtrail: Command) -> None:
    for _ in range(2):
        segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false")
    newest = sorted((tmp_path / "outputs" / "runs").iterdir())[-1]
    answer = json.loads(segtrail("report", "latest", "--output-root", tmp_path / "outputs", "--json").stdout)
    assert answer["run_id"] == newest.name


def test_a_run_is_found_by_its_id(quick_run_dir: Path, segtrail: Command) -> None:
    result = segtrail("report", quick_run_dir.name, "--output-root", quick_run_dir.parents[1])
    assert result.exit_code == 0


def test_doctor_answers_in_json(segtrail: Command) -> None:
    subjects = [entry["subject"] for entry in json.loads(segtrail("doctor", "--json").stdout)["diagnoses"]]
    assert {"Python", "torch", "CPU", "Memory", "Disk"} <= set(subjects)


def test_piped_lines_are_not_wrapped(quick_run_dir: Path, segtrail: Command) -> None:
    result = segtrail("evaluate", quick_run_dir, quick_run_dir.parents[2] / "data")
    rows = [line for line in result.stdout.splitlines() if line.startswith("case_")]
    assert len(rows) == 5
    assert all("assd_mm" in row and row.endswith(("ok", "missed")) for row in rows)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train"], "Which configuration?"),
        (["train", "nowhere.yaml"], "There is no configuration file"),
        (["report", "nowhere"], "neither a run folder nor the ID of a run"),
        (["report", "latest", "--output-root", "nowhere"], "There is no run in"),
        (["evaluate", "latest", "data/heart_mini", "--checkpoint", "middle"], "expected best or last"),
        (["nonsense"], "nonsense"),
        (["check", "~nobody_of_this_name/data"], "a user that this machine does not know"),
    ],
)
def test_bad_command_lines_get_a_sentence_and_exit_code_2(
    arguments: list[str], expected: str, segtrail: Command
) -> None:
    result = segtrail(*arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.batchsize=2", "train.batch_size"),
        ("train.device=cuda:99", "CUDA"),
        ("train.precision=fp16", "fp16"),
        ("preprocess.cache_limit_gb=0.000001", "cache_limit_gb"),
        ("split.val=[nobody]", "nobody"),
        ("paths.data_root=nowhere", "nowhere"),
        ("model={name: 'nowhere:Net'}", "nowhere"),
        ("infer.roi_size=[10,10,10]", "infer.roi_size"),
        ("train.batch_size=true", "train.batch_size"),
        ("train.loss.name=math:pi", "train.loss"),
        ("model={name: unet3d, channels: [4, 8], strides: [16]}", "patch.patch_size"),
    ],
)
def test_bad_settings_get_a_sentence_and_leave_nothing_behind(
    tmp_path: Path, tiny_config: Path, segtrail: Command, override: str, expected: str
) -> None:
    result = segtrail("train", tiny_config, override, "train.num_workers=0")
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "outputs" / "runs").exists()
