"""A run keeps where it comes from, says what is missing of it, and proves it."""

import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segtrail.experiment import resume_run
from segtrail.record.program_hash import hash_program
from segtrail.training import loop

Command = Callable[..., Any]


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A group's repository, from which its trainings are started."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "settings.yaml").write_text("a: 1\n", encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    monkeypatch.chdir(folder)
    return folder


def train(folder: Path, segtrail: Command, *command: object) -> Path:
    result = segtrail("train", *command, "train.max_epochs=1", "report.enabled=false")
    assert result.exit_code == 0, result.stderr
    (run,) = (folder / "outputs" / "runs").iterdir()
    return run


def provenance(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "provenance" / "provenance.json").read_text(encoding="utf-8"))
    return content


def check(run: Path, segtrail: Command) -> dict[str, Any]:
    checks = json.loads(segtrail("verify", run, "--json").stdout)["checks"]
    return next(check for check in checks if check["check"] == "provenance")


@pytest.mark.requirement("REC-06")
def test_a_run_names_the_commit_and_a_tag_that_came_later_is_found(
    tmp_path: Path, project: Path, tiny_config: Path, segtrail: Command
) -> None:
    run = train(tmp_path, segtrail, tiny_config)
    commit = git(project, "rev-parse", "HEAD")
    assert provenance(run)["working_repository"]["commit"] == commit
    assert any(
        f"the working folder was that of commit {commit[:12]}, without changes" in line
        for line in check(run, segtrail)["evidence"]
    )
    git(project, "tag", "v1.0")
    assert any(
        f"commit {commit[:12]} (v1.0, given later)" in line for line in check(run, segtrail)["evidence"]
    )


def test_changes_are_kept_without_paths_of_this_machine(
    tmp_path: Path, project: Path, tiny_config: Path, segtrail: Command
) -> None:
    (project / "settings.yaml").write_text(f"a: 2\nroot: {tmp_path / 'secret'}\n", encoding="utf-8")
    run = train(tmp_path, segtrail, tiny_config)
    repository = provenance(run)["working_repository"]
    assert (repository["clean"], repository["changed_files"], repository["patch_is_redacted"]) == (
        False,
        1,
        True,
    )
    patch = (run / "provenance" / repository["patch"]).read_text(encoding="utf-8")
    assert "+a: 2" in patch
    assert str(tmp_path) not in patch


@pytest.mark.requirement("REC-06")
def test_without_git_a_run_ends_well_and_says_what_is_missing(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    run = train(tmp_path, segtrail, tiny_config)
    content = provenance(run)
    assert (content["program_repository"], content["working_repository"]) == (None, None)
    assert any("git is not installed here" in gap for gap in content["gaps"])
    found = check(run, segtrail)
    assert found["status"] == "pass"
    assert any("not on record: " in line and "git is not installed" in line for line in found["evidence"])


@pytest.mark.requirement("REC-06")
def test_the_code_that_ran_lies_in_the_run(
    tmp_path: Path, project: Path, tiny_config: Path, segtrail: Command
) -> None:
    code = "import torch\nclass Net(torch.nn.Conv3d):\n    def __init__(self, in_channels, out_channels):\n"
    code += "        super().__init__(in_channels, out_channels, 3, padding=1)\n"
    (project / "my_net.py").write_text(code, encoding="utf-8")
    try:
        run = train(tmp_path, segtrail, tiny_config, "model={name: 'my_net:Net'}")
        with zipfile.ZipFile(run / "provenance" / "code.zip") as opened:
            assert opened.read("own/my_net.py").decode("utf-8") == code
            assert "program/segtrail/provenance/code_archive.py" in opened.namelist()
        assert json.loads((run / "run.json").read_text(encoding="utf-8"))["program_sha256"] == hash_program()
        assert check(run, segtrail)["status"] == "pass"
    finally:
        sys.modules.pop("my_net", None)


def test_a_run_knows_its_processor_time_and_an_estimate_of_its_energy(quick_run_dir: Path) -> None:
    state = json.loads((quick_run_dir / "run.json").read_text(encoding="utf-8"))
    assert state["cpu_seconds"].keys() == state["seconds"].keys()
    assert state["energy"]["cpu_seconds"] == pytest.approx(sum(state["cpu_seconds"].values()), abs=0.01)
    assert 0 < state["energy"]["kwh"] < 1


@pytest.fixture
def interrupted(
    tmp_path: Path, project: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A run that was interrupted at its second step, and whose repository has changed since."""

    def stop(*_: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_validate_if_due", stop)
        assert segtrail("train", tiny_config, "report.enabled=false").exit_code == 130
    (project / "settings.yaml").write_text("a: 2\n", encoding="utf-8")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    return run


def test_what_changed_while_a_run_was_interrupted_is_kept_beside_what_it_began_with(
    interrupted: Path, segtrail: Command
) -> None:
    assert segtrail("resume", interrupted).exit_code == 0
    later = interrupted / "provenance" / "resumed_1"
    assert "+a: 2" in (later / "working_folder.patch").read_text(encoding="utf-8")
    assert provenance(interrupted)["working_repository"]["clean"]
    assert check(interrupted, segtrail)["status"] == "pass"


def test_what_a_kill_left_of_it_is_taken_out(
    interrupted: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(resume_run, "hash_file", die)
        segtrail("resume", interrupted)
    assert (interrupted / "provenance" / "resumed_1").is_dir()
    git(Path.cwd(), "checkout", "-q", "settings.yaml")
    assert segtrail("resume", interrupted).exit_code == 0
    assert not (interrupted / "provenance" / "resumed_1").exists()
    assert check(interrupted, segtrail)["status"] == "pass"
