"""The git working copy of the current folder, asked by git itself."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from segtrail.dataset.names import holds_control_characters, shown
from segtrail.errors import InputError


@dataclass(frozen=True)
class WorkingCopy:
    """A git working copy.

    Attributes:
        git: The program.
        top: Its folder.
        is_submodule: Whether it is part of another one.
    """

    git: str
    top: Path
    is_submodule: bool

    @classmethod
    def find(cls) -> "WorkingCopy":
        """Find the working copy of the current folder.

        Raises:
            InputError: There is no git, or the folder lies in no working copy.
        """
        git = shutil.which("git")
        if git is None:
            raise InputError(
                "git is not installed here, or not on the PATH. Install it, or tag on another machine."
            )
        found = _ask(git, "rev-parse", "--show-toplevel")
        if found.returncode or not found.stdout.strip():
            raise InputError(
                f"The current folder {Path.cwd()} lies in no git working copy (git says: {_sentence(found)}). Go to "
                "the repository that is to be tagged."
            )
        above = _ask(git, "rev-parse", "--show-superproject-working-tree").stdout.strip()
        return cls(git, Path(found.stdout.rstrip("\r\n")), bool(above))

    def list_changes(self) -> list[str]:
        """List the files that are changed, or that git neither knows nor ignores."""
        options = (
            "--porcelain=v1",
            "-z",
            "--no-renames",
            "--untracked-files=normal",
            "--ignore-submodules=none",
        )
        entries = self._answer("status", *options).split("\0")
        return [entry[3:] for entry in entries if entry]

    def find_commit(self, revision: str) -> str | None:
        """Return the full name of a commit; None where there is none."""
        found = _ask(self.git, "rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}")
        return None if found.returncode else found.stdout.strip()

    def require_free_tag(self, name: str) -> None:
        """Make sure that a tag can be made.

        Raises:
            InputError: The name is none for a tag, or is taken.
        """
        is_name = name and not name.startswith("-") and not holds_control_characters(name)
        if not is_name or _ask(self.git, "check-ref-format", f"refs/tags/{name}").returncode:
            raise InputError(f"{shown(name)!r} can't be the name of a git tag. A name like v0.2.0 can.")
        known = self.find_commit(f"refs/tags/{name}")
        if known is not None:
            raise InputError(
                f"There is a tag {name} already, on {known[:12]}. It is kept; choose another name."
            )

    def make_tag(self, name: str, commit: str, message: str) -> None:
        """Make an annotated tag, not signed.

        Raises:
            InputError: git refuses, for instance without ``user.name``.
        """
        options = ("--annotate", "--no-sign", "--cleanup=verbatim", "--file=-")
        self._answer("tag", *options, "--", name, commit, text=message)

    def _answer(self, *arguments: str, text: str = "") -> str:
        done = _ask(self.git, *arguments, text=text)
        if done.returncode:
            raise InputError(f"git {arguments[0]} failed: {_sentence(done)}")
        return done.stdout


def _ask(git: str, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603 (no shell; names are checked)
            [git, *arguments],
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise InputError(f"git can't be started: {error.strerror}.") from None


def _sentence(done: "subprocess.CompletedProcess[str]") -> str:
    """Return what git itself says, on one line."""
    return " ".join(done.stderr.split()) or f"exit code {done.returncode}"
