"""Tagging the commit of a run in git, with the run in the tag's message."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segtrail
from segtrail.dataset.names import shown_list
from segtrail.errors import InputError
from segtrail.provenance.folder import FILE_NAME, FOLDER, read_provenance
from segtrail.provenance.wording import describe_repository
from segtrail.record.manifest import fingerprint
from segtrail.record.program_hash import hash_program
from segtrail.record.run_folder import read_json
from segtrail.record.seal import require_seal
from segtrail.report.record_schema import MetricsSummary
from segtrail.report.run_contents import read_json_file
from segtrail.tagging.working_copy import WorkingCopy

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True)
class Tag:
    """A tag that was made.

    Attributes:
        name: Its name.
        commit: The commit that it is on.
        because: Why on that one, in a sentence.
        run_id: The run.
        fingerprint: The run's fingerprint.
        copy: The working copy.
    """

    name: str
    commit: str
    because: str
    run_id: str
    fingerprint: str
    copy: WorkingCopy


def tag_run(run_dir: Path, name: str) -> Tag:
    """Make an annotated git tag for a sealed run, which was verified before, in the repository of the current folder.

    Args:
        run_dir: The run folder.
        name: Name of the tag.

    Returns:
        The tag.

    Raises:
        InputError: The run is not sealed, its commit is not known here, the working copy is not clean, or git refuses.
    """
    require_seal(run_dir)
    copy = WorkingCopy.find()
    copy.require_free_tag(name)
    changes = copy.list_changes()
    if changes:
        raise InputError(
            f"The working copy {copy.top} is not clean: {shown_list(changes)}. Commit, ignore or remove that first."
        )
    commit, because = _choose_commit(run_dir, copy)
    run_id = str(read_json(run_dir / "run.json").get("run_id"))
    tag = Tag(name, commit, because, run_id, fingerprint(run_dir), copy)
    copy.make_tag(name, commit, _message(tag, run_dir))
    return tag


def _choose_commit(run_dir: Path, copy: WorkingCopy) -> tuple[str, str]:
    """Choose the run's own commit where it is known here, else HEAD where the program is the same; and say why."""
    recorded = _recorded_repositories(run_dir)
    for repository in recorded:
        known = copy.find_commit(repository["commit"])
        if known is not None:
            return known, _describe_recorded(run_dir, repository)
    commits = sorted({repository["commit"][:12] for repository in recorded})
    gap = f"names the commit {' and '.join(commits)}, which is not here" if commits else "names no commit"
    if read_json(run_dir / "run.json").get("program_sha256") != hash_program():
        raise InputError(
            f"The record of {run_dir.name} {gap}, and the program is not the one that trained it, so there is no "
            "commit to tag. Check out the version that trained it, or fetch its commit."
        )
    head = copy.find_commit("HEAD")
    if head is None:
        raise InputError(f"The repository {copy.top} has no commit yet. Make one first.")
    inside = Path(segtrail.__file__).resolve().is_relative_to(copy.top.resolve())
    program = "the program" if inside else "the program, which lies outside of this repository,"
    return head, f"It is HEAD: the record of the run {gap}, but {program} is the one that trained it."


def _recorded_repositories(run_dir: Path) -> list[dict[str, Any]]:
    """Return the repositories of the working folder and of the program that have a commit on record."""
    if not (run_dir / FOLDER / FILE_NAME).is_file():
        return []
    content = read_provenance(run_dir)
    found = [content.get(f"{what}_repository") for what in ("working", "program")]
    return [one for one in found if isinstance(one, dict) and _COMMIT.fullmatch(str(one.get("commit")))]


def _describe_recorded(run_dir: Path, repository: Mapping[str, Any]) -> str:
    """Say that the commit is the run's own; one that does not hold what ran is refused."""
    moved = any(submodule["state"] != "as recorded" for submodule in repository["submodules"])
    if repository["changed_files"] or moved:
        raise InputError(
            f"{run_dir.name} was trained with changes that its commit {repository['commit'][:12]} does not hold: "
            f"{describe_repository(repository)}. Commit them and train again; that run can be tagged."
        )
    return f"It is the commit in the record of the run: {describe_repository(repository)}."


def _message(tag: Tag, run_dir: Path) -> str:
    return (
        f"Run {tag.run_id}\n\n"
        f"Fingerprint: {tag.fingerprint}\n"
        f"Dice, mean over cases and classes: {_describe_dice(run_dir)}\n"
        f"Commit: {tag.commit}. {tag.because}\n"
    )


def _describe_dice(run_dir: Path) -> str:
    metrics = read_json_file(run_dir / "metrics_summary.json", MetricsSummary)
    if metrics is None:
        return "not measured"
    means = {"validation": metrics.mean_over_classes("val", "dice")}
    if "test" in metrics.splits:
        means["test"] = metrics.mean_over_classes("test", "dice")
    return ", ".join(
        f"{side} {'undefined' if mean is None else f'{mean:.4f}'}" for side, mean in means.items()
    )
