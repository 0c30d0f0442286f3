"""Sign-offs: what a person says of exactly this sealed run, with name, time and meaning."""

from pathlib import Path

from segtrail.record.manifest import fingerprint
from segtrail.record.run_folder import RunFolder, utc_now
from segtrail.record.seal import require_seal
from segtrail.record.statement import (
    Statement,
    add_statement,
    list_statements,
    read_statement,
    require_line,
    require_text,
    without_machine,
)

# The action of a journal's line about a sign-off.
SIGNED_OFF = "signed off"
_KIND = "signoff"
_LONGEST_LINE = 200
_LONGEST_NOTE = 10_000


class Signoff(Statement):
    """A sign-off; see ``docs/run-folder.md``."""

    run_id: str
    name: str
    meaning: str
    note: str = ""
    signed_off_utc: str
    fingerprint: str
    seal_sha256: str


def sign_off(folder: RunFolder, name: str, meaning: str, note: str) -> tuple[Signoff, Path]:
    """Add a sign-off to a sealed run, which was verified before.

    Args:
        folder: The run.
        name: Who signs off, as it is to be printed.
        meaning: What that means, for example reviewed.
        note: A remark; may be empty.

    Returns:
        The sign-off, and its file in the addenda.

    Raises:
        InputError: The run is not sealed, a text can't be taken, or the folder can't be written.
    """
    seal = require_seal(folder.path)
    # The name alone is kept as it was typed: a machine may be called like its owner.
    signoff = Signoff(
        run_id=str(folder.read_state().get("run_id")),
        name=require_line(name, "--name", _LONGEST_LINE),
        meaning=without_machine(require_line(meaning, "--meaning", _LONGEST_LINE)),
        note=without_machine(require_text(note, "--note", _LONGEST_NOTE)) if note else "",
        signed_off_utc=utc_now(),
        fingerprint=fingerprint(folder.path),
        seal_sha256=seal.sha256,
    )
    return signoff, add_statement(folder.path, _KIND, signoff, SIGNED_OFF, signoff.name)


def list_signoffs(run_dir: Path) -> list[Path]:
    """List the sign-offs of a run, the earliest first."""
    return list_statements(run_dir, _KIND)


def read_signoff(path: Path) -> Signoff:
    """Read a sign-off.

    Raises:
        InputError: It can't be read.
    """
    return read_statement(path, Signoff)
