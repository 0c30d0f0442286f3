"""The end of a run: its files are listed, the reports name their fingerprint, the journal is closed over both."""

from segtrail.config.load import load_config
from segtrail.errors import InputError
from segtrail.experiment.disk_errors import told_of_disk
from segtrail.experiment.timing import Spent, timed
from segtrail.methods_text.text import write_methods
from segtrail.model_card.card import write_card
from segtrail.progress import Narrator
from segtrail.provenance.folder import remove_unknown_provenance
from segtrail.record.hashing import hash_file
from segtrail.record.links import refuse_links
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import REPORTS, write_manifest
from segtrail.record.recorded_training import is_recorded
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import RunFolder
from segtrail.record.seal import (
    SEALED,
    finish_seal,
    make_read_only,
    read_seal,
    remove_empty_folders,
    remove_half_written,
)
from segtrail.record.uses_of_test_set import write_uses
from segtrail.report.make import make_reports
from segtrail.training.checkpoint import hash_tensors


def seal_run(folder: RunFolder, narrator: Narrator, *, with_report: bool) -> str:
    """Make the reports of a finished run and seal the folder; after a kill it is done again from the beginning.

    Nothing refers to itself: the manifest lists all files but reports and journal, the reports name the manifest's
    hash, and the journal's last line holds the hashes of both.

    Args:
        folder: The run folder, held, its journal open.
        narrator: Hears of it; its log ends before the files are listed.
        with_report: Whether to make the report.

    Returns:
        The run's fingerprint.

    Raises:
        InputError: The run is not finished.
        SegtrailError: The report can't be made; the run is then not sealed.
    """
    if folder.read_state()["status"] != "finished":
        raise InputError(
            f"{folder.run_id} is not finished, so it can't be sealed. `segtrail resume` goes on with it."
        )
    narrator.detach_log()
    refuse_links(folder.path)
    remove_half_written(folder.path)
    remove_unknown_provenance(folder.path)
    remove_empty_folders(folder.path)
    write_uses(folder.path)
    write_card(folder.path)
    write_methods(folder.path)
    return _close(folder, narrator, with_report=with_report)


def seal_recorded(folder: RunFolder, narrator: Narrator, *, with_report: bool) -> str:
    """Seal the record of another program's training, however that ended: nothing can go on with it.

    Args:
        folder: The run folder, held, its journal open.
        narrator: Hears of it; its log ends before the files are listed.
        with_report: Whether to make the report.

    Returns:
        The run's fingerprint.

    Raises:
        SegtrailError: The report can't be made; the run is then not sealed.
    """
    narrator.detach_log()
    refuse_links(folder.path)
    remove_empty_folders(folder.path)
    return _close(folder, narrator, with_report=with_report)


def _close(folder: RunFolder, narrator: Narrator, *, with_report: bool) -> str:
    """List the files, make the report, write the seal, and take the right to write away."""
    fingerprint = write_manifest(folder.path, hash_tensors)
    folder.journal.write("files listed", manifest_sha256=fingerprint)
    reports = {}
    if with_report or any((folder.path / name).exists() for name in REPORTS):
        spent = Spent()
        with timed(spent, "report"):
            made = make_reports(folder.path)
        paths = [path for path in (made.pdf, made.web_page) if path is not None]
        reports = {path.name: hash_file(path) for path in paths}
        folder.journal.write("report made", sha256=reports, seconds=spent.seconds["report"])
        for path in paths:
            narrator.say(f"Report: {path}", logged=False)
    folder.journal.write(SEALED, manifest_sha256=fingerprint, report_sha256=reports)
    folder.remove_lock()
    make_read_only(folder.path)
    narrator.say(f"Sealed, fingerprint {fingerprint}", logged=False)
    narrator.say(f"Run folder: {folder.path}", logged=False)
    return fingerprint


def seal_later(folder: RunFolder, narrator: Narrator) -> str:
    """Seal a finished run that is not sealed, such as one whose report failed, or one of an older version.

    Args:
        folder: The run folder.
        narrator: Hears of it.

    Returns:
        The run's fingerprint.

    Raises:
        InputError: The run is sealed or not finished, or another program works in it.
        SegtrailError: The report can't be made.
    """
    _refuse_sealed(folder)  # before it is held, since nothing is written into a sealed folder
    with folder.held():
        _refuse_sealed(folder)
        with told_of_disk(folder):
            return _seal_finished(folder, narrator)


def _seal_finished(folder: RunFolder, narrator: Narrator) -> str:
    state = folder.read_state()
    journal = folder.open_journal(state.get("operator"))
    if is_recorded(state):
        if state["status"] == "running":
            because = "segtrail was stopped while it recorded the command; what came after is not on record"
            folder.end("interrupted", because)
            journal.write("interrupted", because=because)
        return seal_recorded(folder, narrator, with_report=True)
    if not journal.n_lines:
        if "program_sha256" in state or (folder.path / MANIFEST).exists():
            raise InputError(f"{folder.run_id} had a journal, which is gone. Bring it back, or train anew.")
        because = "the run was made by a version of segtrail that kept no journal"
        journal.write("journal begun", run_id=folder.run_id, because=because)
    config = load_config(folder.path / CONFIG_FILE)
    return seal_run(folder, narrator, with_report=config.report.enabled)


def _refuse_sealed(folder: RunFolder) -> None:
    if read_seal(folder.path) is not None:
        finish_seal(folder)
        raise InputError(f"{folder.run_id} is sealed already.")
