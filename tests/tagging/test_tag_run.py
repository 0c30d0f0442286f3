"""A git tag names a sealed run, on the commit that it came from; whatever stands in the way is told."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run, unseal

Command = Callable[..., Any]
pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
    pytest.mark.usefixtures("repository"),
]


def git(*arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, cwd=cwd)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean repository of one commit, which is the current folder; nobody's own settings of git count."""
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[user]\n name = Ada\n email = ada@example.org\n[init]\n defaultBranch = main\n"
        '[tag]\n gpgSign = true\n[protocol "file"]\n allow = always\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git("init", "--quiet")
    (folder / "plan.md").write_text("Train.\n", encoding="utf-8")
    commit_all("a plan")
    return folder


def commit_all(message: str) -> str:
    git("add", "--all")
    git("commit", "--quiet", "-m", message)
    return git("rev-parse", "HEAD")


def with_recorded_commit(
    source: Path, target: Path, commit: str | None, segtrail: Command, **state: object
) -> Path:
    """A sealed run whose record names a commit, or none."""
    run = unseal(copy_run(source, target))
    path = run / "provenance" / "provenance.json"
    clean = {"tags": [], "clean": True, "changed_files": 0, "untracked": 0, "submodules": [], "patch": None}
    repository = None if commit is None else {"commit": commit, **clean, **state}
    record = json.loads(path.read_text(encoding="utf-8"))
    record |= {"working_repository": repository, "program_repository": None}
    path.write_text(json.dumps(record), encoding="utf-8")
    assert segtrail("seal", run).exit_code == 0
    return run


def of_another_program(source: Path, target: Path, segtrail: Command) -> Path:
    """A sealed run that another version of the program trained."""
    run = unseal(copy_run(source, target))
    state = run / "run.json"
    own = json.loads(state.read_text(encoding="utf-8"))["program_sha256"]
    state.write_text(state.read_text(encoding="utf-8").replace(own, "0" * 64), encoding="utf-8")
    assert segtrail("seal", run).exit_code == 0
    return run


def test_without_a_commit_on_record_head_is_tagged_and_the_gap_told(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    run = with_recorded_commit(quick_run_dir, tmp_path / quick_run_dir.name, None, segtrail)
    result = segtrail("tag", run, "v0.2.0", "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["commit"] == git("rev-parse", "v0.2.0^{commit}") == git("rev-parse", "HEAD")
    assert git("cat-file", "-t", "v0.2.0") == "tag"
    message = git("tag", "--list", "--format=%(contents)", "v0.2.0")
    assert quick_run_dir.name in message.splitlines()[0]
    assert answer["fingerprint"] in message
    assert "Dice, mean over cases and classes: validation 0." in message
    assert "names no commit" in message
    assert "names no commit" in answer["because"]


def test_the_commit_on_record_is_tagged_where_it_is_known(
    repository: Path, tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    first = git("rev-parse", "HEAD")
    (repository / "plan.md").write_text("Train more.\n", encoding="utf-8")
    commit_all("more")
    run = with_recorded_commit(quick_run_dir, tmp_path / quick_run_dir.name, first, segtrail)
    result = segtrail("tag", run, "v0.2.0")
    assert result.exit_code == 0, result.stderr
    assert git("rev-parse", "v0.2.0^{commit}") == first
    assert (
        f"It is the commit in the record of the run: commit {first[:12]}, without changes." in result.stdout
    )


def test_a_run_trained_with_changes_that_its_commit_does_not_hold_is_refused(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    changed = {"clean": False, "changed_files": 2, "patch": "working_folder.patch"}
    head, target = git("rev-parse", "HEAD"), tmp_path / quick_run_dir.name
    run = with_recorded_commit(quick_run_dir, target, head, segtrail, **changed)
    result = segtrail("tag", run, "v0.2.0")
    assert result.exit_code == 2
    assert f"was trained with changes that its commit {head[:12]} does not hold" in result.stderr
    assert git("tag", "--list") == ""


def test_files_that_git_did_not_know_are_told_and_no_change(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    unknown = {"clean": False, "untracked": 1}
    head, target = git("rev-parse", "HEAD"), tmp_path / quick_run_dir.name
    run = with_recorded_commit(quick_run_dir, target, head, segtrail, **unknown)
    result = segtrail("tag", run, "v0.2.0")
    assert result.exit_code == 0, result.stderr
    assert "with changes (1 file unknown to git)" in result.stdout


def test_a_commit_on_record_that_is_not_here_is_told(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    run = with_recorded_commit(quick_run_dir, tmp_path / quick_run_dir.name, "a" * 40, segtrail)
    result = segtrail("tag", run, "v0.2.0")
    assert result.exit_code == 0, result.stderr
    assert "names the commit aaaaaaaaaaaa, which is not here" in result.stdout
    assert git("rev-parse", "v0.2.0^{commit}") == git("rev-parse", "HEAD")


def test_a_run_of_another_program_without_its_commit_is_refused(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    run = of_another_program(quick_run_dir, tmp_path / quick_run_dir.name, segtrail)
    result = segtrail("tag", run, "v0.2.0")
    assert result.exit_code == 2
    assert "the program is not the one that trained it" in result.stderr
    assert git("tag", "--list") == ""


def test_a_detached_head_is_tagged(quick_run_dir: Path, segtrail: Command) -> None:
    git("checkout", "--quiet", "--detach")
    assert segtrail("tag", quick_run_dir, "v0.2.0").exit_code == 0


def test_a_submodule_is_told(
    repository: Path, tmp_path: Path, quick_run_dir: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = tmp_path / "above"
    above.mkdir()
    git("init", "--quiet", cwd=above)
    git("submodule", "add", "--quiet", repository.as_posix(), "part", cwd=above)
    monkeypatch.chdir(above / "part")
    result = segtrail("tag", quick_run_dir, "v0.2.0")
    assert result.exit_code == 0, result.stderr
    assert "in the submodule " in result.stdout


@pytest.mark.parametrize("file", ["plan.md", "new.md", "größe | 1.md"])
def test_a_working_copy_that_is_not_clean_is_refused_with_the_file(
    repository: Path, quick_run_dir: Path, segtrail: Command, file: str
) -> None:
    (repository / file).write_text("not committed\n", encoding="utf-8")
    result = segtrail("tag", quick_run_dir, "v0.2.0")
    assert result.exit_code == 2
    assert f"is not clean: {file}." in result.stderr
    assert git("tag", "--list") == ""


def test_ignored_files_are_no_change(repository: Path, quick_run_dir: Path, segtrail: Command) -> None:
    (repository / ".gitignore").write_text("outputs/\n", encoding="utf-8")
    commit_all("ignore runs")
    (repository / "outputs").mkdir()
    (repository / "outputs" / "run").write_text("a run", encoding="utf-8")
    assert segtrail("tag", quick_run_dir, "v0.2.0").exit_code == 0


@pytest.mark.parametrize("name", ["", "a b", "v0..2", "v0.2.", "x~1", "x:y", "a\x07", "@{1}", "x.lock"])
def test_a_name_that_git_does_not_take_is_refused(quick_run_dir: Path, segtrail: Command, name: str) -> None:
    result = segtrail("tag", quick_run_dir, name)
    assert result.exit_code == 2
    assert "can't be the name of a git tag" in result.stderr


def test_a_tag_that_is_there_is_kept(quick_run_dir: Path, segtrail: Command) -> None:
    git("tag", "--annotate", "--no-sign", "-m", "mine", "v0.2.0")
    before = git("rev-parse", "v0.2.0")
    result = segtrail("tag", quick_run_dir, "v0.2.0")
    assert result.exit_code == 2
    assert "There is a tag v0.2.0 already" in result.stderr
    assert git("rev-parse", "v0.2.0") == before


def test_what_git_says_is_passed_on_where_it_knows_nobody(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    (tmp_path / "gitconfig").write_text("[user]\n useConfigOnly = true\n", encoding="utf-8")
    result = segtrail("tag", quick_run_dir, "v0.2.0")
    assert result.exit_code == 2
    assert "git tag failed: " in result.stderr
    assert "user.name" in result.stderr or "user.email" in result.stderr


def test_a_repository_without_a_commit_is_told(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    git("init", "--quiet")
    result = segtrail("tag", quick_run_dir, "v0.2.0")
    assert result.exit_code == 2
    assert "has no commit yet" in result.stderr


def test_a_folder_outside_of_any_repository_is_told(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    result = segtrail("tag", quick_run_dir, "v0.2.0")
    assert result.exit_code == 2
    assert "lies in no git working copy" in result.stderr


def test_a_machine_without_git_is_told(
    repository: Path, quick_run_dir: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository))
    result = segtrail("tag", quick_run_dir, "v0.2.0")
    assert result.exit_code == 2
    assert "git is not installed here" in result.stderr


def test_a_run_that_is_not_sealed_is_not_tagged(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    run = unseal(copy_run(quick_run_dir, tmp_path / quick_run_dir.name))
    result = segtrail("tag", run, "v0.2.0")
    assert result.exit_code == 2
    assert "is not sealed" in result.stderr
    assert git("tag", "--list") == ""


def test_a_run_that_was_changed_is_not_tagged(tmp_path: Path, quick_run_dir: Path, segtrail: Command) -> None:
    run = copy_run(quick_run_dir, tmp_path / quick_run_dir.name)
    (run / "train.log").write_text("All went well.", encoding="utf-8")
    result = segtrail("tag", run, "v0.2.0")
    assert result.exit_code == 1
    assert "is not what was sealed" in result.stderr
    assert git("tag", "--list") == ""
