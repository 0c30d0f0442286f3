"""The git working copy of the current folder, asked by git itself."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from segtrail.dataset.names import holds_control_characters, shown
from segtrail.errors import InputError
from segtrail.provenance.git import NoGitError, ask_git


@dataclass(frozen=True)
class WorkingCopy:
    """A git working copy.

    Attributes:
        top: Its folder.
        is_submodule: Whether it is part of another one.
    """

    top: Path
    is_submodule: bool

    @classmethod
    def find(cls) -> "WorkingCopy":
        """Find the working copy of the current folder.

        Raises:
            InputError: There is no git, or the folder lies in no working copy.
        """
        found = _ask("rev-parse", "--show-toplevel")
        if found.returncode or not found.stdout.strip():
            raise InputError(
                f"The current folder {Path.cwd()} lies in no git working copy (git says: {_sentence(found)}). Go to "
                "the repository that is to be tagged."
            )
        above = _text(_ask("rev-parse", "--show-superproject-working-tree")).strip()
        return cls(Path(_text(found).rstrip("\r\n")), bool(above))

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
        found = _ask("rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}")
        return None if found.returncode else _text(found).strip()

    def require_free_tag(self, name: str) -> None:
        """Make sure that a tag can be made.

        Raises:
            InputError: The name is none for a tag, or is taken.
        """
        is_name = name and not name.startswith("-") and not holds_control_characters(name)
        if not is_name or _ask("check-ref-format", f"refs/tags/{name}").returncode:
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
        done = _ask(*arguments, text=text)
        if done.returncode:
            raise InputError(f"git {arguments[0]} failed: {_sentence(done)}")
        return _text(done)


def _ask(*arguments: str, text: str = "") -> "subprocess.CompletedProcess[bytes]":
    try:
        return ask_git(Path.cwd(), *arguments, text=text.encode("utf-8"))
    except NoGitError as error:
        raise InputError(f"There can be no tag: {error}. Install git, or tag on another machine.") from None


def _text(done: "subprocess.CompletedProcess[bytes]") -> str:
    return done.stdout.decode("utf-8", "replace")


def _sentence(done: "subprocess.CompletedProcess[bytes]") -> str:
    """Return what git itself says, on one line."""
    said = " ".join(done.stderr.decode("utf-8", "replace").split())
    return said or f"exit code {done.returncode}"
