"""What a person adds to the model card of a sealed run: a card with the answers, in the addenda."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segtrail.errors import InputError
from segtrail.model_card.card import FILE_NAME, build_card, this_program
from segtrail.model_card.front_matter import faults_of_figures, maker_of
from segtrail.model_card.questions import given_answers
from segtrail.record.addenda import Addenda
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import read_journal
from segtrail.record.manifest import ADDENDA, as_written
from segtrail.report.run_contents import read_run
from segtrail.version import __version__

_COMPLETED = "model card completed"


@dataclass(frozen=True)
class Card:
    """The model card of a run as it stands.

    Attributes:
        path: Its file, the latest in the addenda where there is one; None for a run that was sealed without.
        text: Its content.
    """

    path: Path | None
    text: str


def latest_card(run_dir: Path) -> Card:
    """Return the model card of a run, with the answers where a person gave some.

    Args:
        run_dir: The run folder.

    Returns:
        The card; one that is made now where the run has none.

    Raises:
        InputError: A file of the run is damaged, or nothing was measured in it.
    """
    for path in (_completed(run_dir), run_dir / FILE_NAME):
        if path is not None and path.is_file():
            return Card(path, read_card(path))
    return Card(None, build_card(read_run(run_dir), this_program()))


def complete_card(run_dir: Path, answers: Mapping[str, str]) -> Path:
    """Add a model card with answers to the addenda of a sealed run.

    Args:
        run_dir: The run folder.
        answers: All that is answered, by question; what an earlier card had is not taken over.

    Returns:
        The card; the latest one where it would be the same.

    Raises:
        InputError: The run is not sealed, a file of it is damaged, or its folder can't be written.
    """
    contents = read_run(run_dir)
    text = build_card(contents, this_program(), answers)
    latest = _completed(run_dir)
    if latest is not None and latest.is_file() and read_card(latest) == text:
        return latest
    name = f"model_card_{datetime.now(UTC):%Y%m%d_%H%M%S}.md"
    addenda = Addenda(run_dir, contents.run.operator)
    details = {"segtrail_version": __version__, "answered": sorted(answers)}
    return addenda.add_file(name, text.encode("utf-8"), _COMPLETED, **details)


def cards_of(run_dir: Path) -> list[Path]:
    """List the model card of a run and the latest with answers, those that are there."""
    return [
        path for path in (run_dir / FILE_NAME, _completed(run_dir)) if path is not None and path.is_file()
    ]


def faults_of_card(run_dir: Path, path: Path) -> Iterator[str]:
    """Compare a model card with the record: by making it again where this program made it, else by its figures.

    Args:
        run_dir: The run folder.
        path: The card.

    Yields:
        What does not fit.

    Raises:
        InputError: The card or another file of the run can't be read.
    """
    text, contents = read_card(path), read_run(run_dir)
    yield from faults_of_figures(text, contents)
    if is_made_by_this_program(text) and text != build_card(contents, this_program(), given_answers(text)):
        yield f"{path.relative_to(run_dir).as_posix()} is not what the other files of the run give"


def is_made_by_this_program(card: str) -> bool:
    """Tell whether the program that runs made a card, so that it gives the same bytes again.

    Raises:
        InputError: The card does not say which program made it.
    """
    return maker_of(card) == this_program()


def read_card(path: Path) -> str:
    """Read a card as it was written.

    Raises:
        InputError: It can't be read.
    """
    try:
        return as_written(path).decode("utf-8")
    except OSError as error:
        raise InputError(f"{path.name} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is damaged: it is no text in UTF-8.") from None


def _completed(run_dir: Path) -> Path | None:
    """Return the latest card with answers that the journal of the addenda names."""
    journal = run_dir / ADDENDA / JOURNAL
    if not journal.is_file():
        return None
    named = [entry.details.get("files", {}) for entry in read_journal(journal) if entry.action == _COMPLETED]
    names = [name for files in named for name in files if Path(name).name == name]
    return run_dir / ADDENDA / names[-1] if names else None
