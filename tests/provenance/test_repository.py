"""What git knows of a folder is told as it is, in every state that a working copy can have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segtrail.provenance.repository import (
    PATCH_LIMIT_BYTES,
    NoRepositoryError,
    find_tags,
    is_tracked,
    read_repository,
)


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "code.py").write_text("one\n", encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def test_a_clean_repository_is_its_commit_with_tags_and_branch(repository: Path) -> None:
    git(repository, "tag", "v1")
    git(repository, "tag", "-a", "v0.9", "-m", "nine")
    found = read_repository(repository)
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert (found.tags, found.branch, found.is_clean, found.patch) == (("v0.9", "v1"), "main", True, b"")


def test_a_folder_within_finds_the_whole_repository(repository: Path) -> None:
    (repository / "configs").mkdir()
    assert read_repository(repository / "configs").root == repository


def test_changes_are_counted_and_their_patch_gives_them_back(repository: Path, tmp_path: Path) -> None:
    (repository / "code.py").write_text("two\n", encoding="utf-8")
    (repository / "binary").write_bytes(bytes(range(256)))
    git(repository, "add", "binary")
    found = read_repository(repository)
    assert (found.n_changed, found.n_untracked, found.is_clean) == (2, 0, False)
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", str(repository), str(copy))
    (tmp_path / "patch").write_bytes(found.patch or b"")
    git(copy, "apply", str(tmp_path / "patch"))
    for name in ("code.py", "binary"):
        assert (copy / name).read_bytes() == (repository / name).read_bytes()


def test_a_renamed_file_counts_once(repository: Path) -> None:
    git(repository, "mv", "code.py", "renamed with blanks.py")
    (repository / "new.py").touch()
    found = read_repository(repository)
    assert (found.n_changed, found.n_untracked) == (1, 1)


def test_a_folder_of_untracked_files_counts_once_and_is_not_read(repository: Path) -> None:
    (repository / "data").mkdir()
    for number in range(20):
        (repository / "data" / f"{number}.nii.gz").touch()
    found = read_repository(repository)
    assert (found.n_untracked, found.patch, found.is_clean) == (1, b"", False)


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert read_repository(repository).branch is None


def test_a_repository_without_a_commit_says_so(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").touch()
    found = read_repository(tmp_path)
    assert (found.commit, found.tags, found.n_untracked) == (None, (), 1)


def test_a_patch_that_is_too_large_is_not_kept(repository: Path) -> None:
    (repository / "code.py").write_text("x" * (PATCH_LIMIT_BYTES + 1), encoding="utf-8")
    found = read_repository(repository)
    assert (found.patch, found.n_changed) == (None, 1)


def test_a_submodule_is_told_with_its_commit_and_state(repository: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    git(tmp_path, "clone", "-q", str(repository), str(inner))
    git(repository, "submodule", "-q", "add", str(inner), "part (a)")
    git(repository, "commit", "-q", "-m", "two")
    (submodule,) = read_repository(repository).submodules
    assert (submodule.path, submodule.state) == ("part (a)", "as recorded")
    git(repository / "part (a)", "commit", "-q", "--allow-empty", "-m", "three")
    found = read_repository(repository)
    assert (found.submodules[0].state, found.is_clean) == ("another commit", False)
    assert found.submodules[0].commit == git(repository / "part (a)", "rev-parse", "HEAD")
    git(repository, "submodule", "-q", "deinit", "-f", "part (a)")
    assert read_repository(repository).submodules[0].state == "not checked out"


def test_a_folder_without_repository_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(NoRepositoryError, match="the folder lies in no git repository"):
        read_repository(tmp_path)


def test_without_git_it_says_so(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoRepositoryError, match="git is not installed"):
        read_repository(repository)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for git is a shell script")
def test_git_is_understood_whatever_language_it_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "git"
    english, german = "fatal: not a git repository", "Schwerwiegend: Kein Git-Repository"
    script.write_text(
        f'#!/bin/sh\nif [ "$LC_ALL" = C ]; then echo "{english}" >&2; else echo "{german}" >&2; fi\nexit 128\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    with pytest.raises(NoRepositoryError, match="the folder lies in no git repository"):
        read_repository(tmp_path)


def test_a_repository_of_somebody_else_is_told_and_not_taken_for_an_installed_package(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    for ask in (lambda: read_repository(repository), lambda: is_tracked(repository / "code.py")):
        with pytest.raises(NoRepositoryError, match="belongs to another user"):
            ask()


def test_a_damaged_repository_says_why(repository: Path) -> None:
    (repository / ".git" / "HEAD").write_text("damaged", encoding="utf-8")
    with pytest.raises(NoRepositoryError):
        read_repository(repository)


def test_tags_that_came_later_are_found(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert find_tags(repository, commit) == ()
    git(repository, "tag", "v2")
    assert find_tags(repository, commit) == ("v2",)


def test_a_file_that_git_ignores_is_not_its_own(repository: Path) -> None:
    (repository / ".gitignore").write_text("environment\n", encoding="utf-8")
    (repository / "environment").mkdir()
    (repository / "environment" / "package.py").touch()
    assert is_tracked(repository / "code.py")
    assert not is_tracked(repository / "environment" / "package.py")
