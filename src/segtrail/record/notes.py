"""Notes on a run that come after its start: files in the addenda of a sealed run, else lines of its journal.

A note on a sealed run is a file, and not a line alone: the last line of a journal could be edited without a trace.
"""

from pathlib import Path

from segtrail.errors import InputError
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import Entry, read_journal
from segtrail.record.run_folder import RunFolder, utc_now
from segtrail.record.seal import read_seal
from segtrail.record.statement import (
    Statement,
    add_statement,
    list_statements,
    read_statement,
    require_line,
    require_text,
    without_machine,
)

# The action of a journal's line about a note.
NOTED = "noted"
_KIND = "note"
_LONGEST_NOTE = 10_000
_LONGEST_NAME = 200


class Note(Statement):
    """A note; see ``docs/run-folder.md``."""

    run_id: str
    text: str
    written_by: str | None
    written_utc: str


def write_note(folder: RunFolder, text: str, written_by: str | None) -> Note:
    """Add a note to a run, whatever state it is in.

    Args:
        folder: The run.
        text: The note; paths and names of this machine are replaced by placeholders.
        written_by: Who writes it; None for the operator of the run.

    Returns:
        The note as it was kept.

    Raises:
        InputError: The note can't be taken, or nothing can be written there.
    """
    kept = without_machine(require_text(text, "The note", _LONGEST_NOTE))
    state = folder.read_state()
    actor = state.get("operator") if written_by is None else require_line(written_by, "--name", _LONGEST_NAME)
    note = Note(run_id=str(state.get("run_id")), text=kept, written_by=actor, written_utc=utc_now())
    if read_seal(folder.path) is not None:
        add_statement(folder.path, _KIND, note, NOTED, actor)
    else:
        _write_line(folder, note)
    return note


def read_note(path: Path) -> Note:
    """Read a note of the addenda.

    Raises:
        InputError: It can't be read.
    """
    return read_statement(path, Note)


def list_notes(run_dir: Path) -> list[Path]:
    """List the notes in the addenda of a run, the earliest first."""
    return list_statements(run_dir, _KIND)


def note_of_line(entry: Entry, run_id: str) -> Note:
    """Return what a line of a run's journal notes."""
    text = str(entry.details.get("text", ""))
    return Note(run_id=run_id, text=text, written_by=entry.actor, written_utc=f"{entry.time_utc[:19]}Z")


def _write_line(folder: RunFolder, note: Note) -> None:
    with folder.held():
        if not (folder.path / JOURNAL).is_file() or not read_journal(folder.path / JOURNAL):
            raise InputError(
                f"{folder.run_id} has no journal for a note, since an older version made it. `segtrail seal` seals a "
                "finished run; notes come to its addenda then."
            )
        if read_seal(folder.path) is not None:
            raise InputError(f"{folder.run_id} was sealed just now. Give the note again.")
        folder.open_journal(note.written_by).write(NOTED, text=note.text)
