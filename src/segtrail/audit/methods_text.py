"""The methods section against the record."""

from pathlib import Path

from segtrail.audit.outcome import Outcome
from segtrail.errors import InputError
from segtrail.methods_text.text import BIBLIOGRAPHY_FILE, TEXT_FILE, maker_of, methods_of_record
from segtrail.model_card.card import this_program
from segtrail.record.manifest import as_written

TITLE = "The methods section follows from the record"


def check_methods(run_dir: Path) -> Outcome:
    """Make the methods section of a run again, where this program made it.

    Args:
        run_dir: The run folder.

    Returns:
        A fault for each of its two files that the record does not give.
    """
    if not (run_dir / TEXT_FILE).is_file():
        because = "the run has no methods section; `segtrail methods` writes one"
        return Outcome.not_checked("methods", TITLE, because)
    text = _read(run_dir, TEXT_FILE)
    if maker_of(text) != this_program():
        return Outcome.not_checked(
            "methods", TITLE, "another segtrail made it, so its words were not compared"
        )
    made = methods_of_record(run_dir)
    faults = [
        f"{name} is not what the other files of the run give"
        for name, again in ((TEXT_FILE, made.markdown), (BIBLIOGRAPHY_FILE, made.bibtex))
        if _read(run_dir, name) != again
    ]
    return Outcome.of_faults("methods", TITLE, faults, "made again with the same bytes")


def _read(run_dir: Path, name: str) -> str:
    try:
        return as_written(run_dir / name).decode("utf-8")
    except OSError as error:
        raise InputError(f"{name} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is damaged: it is no text in UTF-8") from None
