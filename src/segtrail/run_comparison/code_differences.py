"""What is not the same in the code that ran."""

from collections.abc import Sequence

from segtrail.report.record_schema import Repository
from segtrail.report.wording import format_count, join_words
from segtrail.run_comparison.compared_run import ComparedRun
from segtrail.run_comparison.difference import Difference, as_text, find_differences


def code_differences(runs: Sequence[ComparedRun]) -> tuple[list[Difference], list[str]]:
    """Compare program, commit, changes since the commit, and own code.

    Args:
        runs: The runs.

    Returns:
        The differences, and in sentences what could not be compared.
    """
    missing = [run.name for run in runs if run.provenance is None]
    notes = []
    if missing:
        notes.append(f"The commit is not on record, or can't be read, for {join_words(missing)}.")
    return find_differences(runs, [_facts(run) for run in runs]), notes


def _facts(run: ComparedRun) -> dict[str, str | None]:
    record, provenance = run.record, run.provenance
    repositories = {
        "of the program": None if provenance is None else provenance.program_repository,
        "of the working folder": None if provenance is None else provenance.working_repository,
    }
    commits = {
        f"{what} {whose}": fact
        for whose, repository in repositories.items()
        for what, fact in _of_repository(repository).items()
    }
    return {
        "program that trained": "segtrail" if record.recorded is None else record.recorded.program,
        "version of segtrail": as_text(record.segtrail_version),
        "SHA-256 of the program": as_text(run.state.get("program_sha256")),
        **commits,
        **{f"own code {path}": as_text(sha256) for path, sha256 in record.own_code.items()},
    }


def _of_repository(repository: Repository | None) -> dict[str, str | None]:
    if repository is None:
        return {"commit": None, "changes since the commit": None}
    changed = format_count(repository.changed_files, "file")
    changes = f"{changed} changed, {repository.untracked} not known to git"
    return {
        "commit": as_text(repository.commit),
        "changes since the commit": "none" if repository.clean else changes,
    }
