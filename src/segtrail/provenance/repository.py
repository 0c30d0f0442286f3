"""What git knows of a folder: the commit, its tags, and what was changed since."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segtrail.provenance.git import NoGitError, ask_git

# A larger patch is not kept: it is data rather than code.
PATCH_LIMIT_BYTES = 10_000_000
_INITIAL, _DETACHED = "(initial)", "(detached)"


class NoRepositoryError(Exception):
    """There is nothing to say of a folder; the text says why."""


class OutsideError(NoRepositoryError):
    """The folder lies in no repository."""


@dataclass(frozen=True)
class Submodule:
    """A repository within the repository.

    Attributes:
        path: Its folder, relative to the outer repository.
        commit: What is checked out there; the recorded one where nothing is.
        state: ``as recorded``, ``another commit``, ``not checked out`` or ``in conflict``.
    """

    path: str
    commit: str
    state: str


@dataclass(frozen=True)
class Repository:
    """The state of a working copy.

    Attributes:
        root: Its top folder.
        commit: What is checked out; None before the first commit.
        tags: Tags on that commit.
        branch: The branch; None where the head is detached.
        n_changed: Tracked files that are not those of the commit.
        n_untracked: Files, or folders of them, that git does not know and does not ignore.
        submodules: The repositories within it.
        patch: What was changed in tracked files, as ``git apply`` takes it; None where it is too large.
    """

    root: Path
    commit: str | None
    tags: tuple[str, ...]
    branch: str | None
    n_changed: int
    n_untracked: int
    submodules: tuple[Submodule, ...]
    patch: bytes | None

    @property
    def is_clean(self) -> bool:
        """Whether the commit tells all that lies in the folder."""
        as_recorded = all(one.state == "as recorded" for one in self.submodules)
        return not self.n_changed and not self.n_untracked and as_recorded


def read_repository(folder: Path) -> Repository:
    """Ask git for the state of the working copy that a folder lies in.

    Args:
        folder: Any folder.

    Returns:
        Its state.

    Raises:
        NoRepositoryError: git is missing, knows nothing of the folder, or refuses.
    """
    root = Path(_ask(folder, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
    status = _ask(root, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal")
    lines = list(_status_lines(status.decode("utf-8", "replace")))
    heads = dict(_header(line) for line in lines if line.startswith("# "))
    commit = None if heads["branch.oid"] == _INITIAL else heads["branch.oid"]
    patch = (
        b"" if commit is None else _ask(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv")
    )
    return Repository(
        root,
        commit,
        () if commit is None else find_tags(root, commit),
        None if heads["branch.head"] == _DETACHED else heads["branch.head"],
        sum(line[0] in "12u" for line in lines),
        sum(line[0] == "?" for line in lines),
        tuple(_submodules(root)),
        patch if len(patch) <= PATCH_LIMIT_BYTES else None,
    )


def find_tags(folder: Path, commit: str) -> tuple[str, ...]:
    """Return the tags on a commit.

    Raises:
        NoRepositoryError: git is missing, or does not know the commit here.
    """
    names = _ask(folder, "tag", "--points-at", commit).decode("utf-8", "replace")
    return tuple(sorted(names.split("\n")[:-1]))


def is_tracked(file: Path) -> bool:
    """Tell whether git keeps a file in the repository that it lies in; an environment's packages it does not.

    Raises:
        NoRepositoryError: git is missing, or refuses to say.
    """
    try:
        return bool(_ask(file.parent, "ls-files", "--", file.name))
    except OutsideError:
        return False


def _status_lines(status: str) -> Iterator[str]:
    """Give the records of a status; the old name of a renamed file, a record of its own, is left out."""
    records = iter(status.split("\0")[:-1])
    for record in records:
        if record.startswith("2 "):
            next(records)
        yield record


def _header(line: str) -> tuple[str, str]:
    _, key, value = line.split(" ", 2)
    return key, value


def _submodules(root: Path) -> Iterator[Submodule]:
    if not (root / ".gitmodules").is_file():
        return
    states = {" ": "as recorded", "+": "another commit", "-": "not checked out", "U": "in conflict"}
    for line in _ask(root, "submodule", "status").decode("utf-8", "replace").splitlines():
        commit, _, rest = line[1:].partition(" ")
        described = rest.endswith(")") and " (" in rest
        yield Submodule(rest.rpartition(" (")[0] if described else rest, commit, states[line[0]])


def _ask(folder: Path, *arguments: str) -> bytes:
    try:
        done = ask_git(folder, *arguments)
    except NoGitError as error:
        raise NoRepositoryError(str(error)) from None
    if done.returncode != 0:
        raise _refusal(done.stderr.decode("utf-8", "replace"))
    return done.stdout


def _refusal(message: str) -> NoRepositoryError:
    if "not a git repository" in message:
        return OutsideError("the folder lies in no git repository")
    return NoRepositoryError(_reason(message))


def _reason(message: str) -> str:
    if "dubious ownership" in message:
        return "git refuses, since the repository belongs to another user"
    first = (message.strip().splitlines() or ["it gave no reason"])[0]
    return f"git refuses: {first}"
