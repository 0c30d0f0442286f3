"""The words for a repository, the same in the report and in verifying."""

from collections.abc import Mapping, Sequence
from typing import Any


def describe_repository(repository: Mapping[str, Any], tags_now: Sequence[str] = ()) -> str:
    """Say which commit lay there, and what was changed in it.

    Args:
        repository: A repository of ``provenance.json``.
        tags_now: The tags that the commit has now, where that is known.

    Returns:
        Words without an end.
    """
    commit = repository["commit"]
    if commit is None:
        return "a repository without a commit"
    then = repository["tags"]
    names = [*then, *(f"{tag}, given later" for tag in tags_now if tag not in then)]
    gone = [f"{tag} no longer names it" for tag in then if tags_now and tag not in tags_now]
    tags = f" ({'; '.join([*names, *gone])})" if names else ""
    state = "without changes" if repository["clean"] else f"with changes ({_changes(repository)})"
    return f"commit {commit[:12]}{tags}, {state}"


def _changes(repository: Mapping[str, Any]) -> str:
    counts = {"changed": repository["changed_files"], "unknown to git": repository["untracked"]}
    parts = [
        f"{number} {'file' if number == 1 else 'files'} {what}" for what, number in counts.items() if number
    ]
    moved = sum(submodule["state"] != "as recorded" for submodule in repository["submodules"])
    parts += [f"{moved} {'submodule' if moved == 1 else 'submodules'} not as recorded"] if moved else []
    return ", ".join([*parts, f"see {repository['patch']}"] if repository["patch"] else parts)
