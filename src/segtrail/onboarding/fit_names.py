"""Names that the next commands will take, asked of the command line and of the description before it is written."""

import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from segtrail.atomic import write_text
from segtrail.dataset.description import read_description
from segtrail.dataset.names import fault_of_name, shown, shown_list
from segtrail.errors import InputError
from segtrail.onboarding.request import InitRequest


def refuse_unfit_options(request: InitRequest) -> None:
    """Make sure that the names on the command line are sound, and those of classes and channels differ.

    Raises:
        InputError: One is not; the message names the option.
    """
    if request.name is not None and (fault := fault_of_name(request.name)):
        raise InputError(f"--name {fault}; expected the name of the data set.")
    for option, kind, names in (
        ("--label-names", "classes", request.label_names),
        ("--channels", "channels", request.channels),
    ):
        for number, name in enumerate(names, start=1):
            if fault := fault_of_name(name):
                raise InputError(
                    f"Name {number} in {option} {fault}; expected names with a comma between them."
                )
        if twice := _first_twice(names):
            raise InputError(
                f"{option} names {len(names)} {kind} ({shown_list(names)}), of which two are {shown(twice)}. Give "
                "each one name of its own."
            )
    if "background" in map(_as_compared, request.label_names):
        raise InputError(
            "--label-names holds background, the name of value 0. Name the values from 1, each with one name of its "
            "own."
        )


def refuse_unreadable_description(text: str, folder: Path, file_name: str) -> None:
    """Make sure that a description can be used as it will be written, by reading it back from another place.

    Args:
        text: The description.
        folder: Folder of the data set, for the message.
        file_name: Name of the description.

    Raises:
        InputError: A name that the files or the folder give is not sound, or there is no room for the copy.
    """
    faults = _read_back(text, file_name)
    if faults:
        more = [f"  and {len(faults) - 5} more"] if len(faults) > 5 else []
        raise InputError(
            "\n".join(
                [
                    f"The description of {folder} would not be usable, so that nothing was written:",
                    *(f"  {fault}" for fault in faults[:5]),
                    *more,
                    "What to do: rename these files or folders, or give other names with --name, --label-names or "
                    "--channels.",
                ]
            )
        )


def _read_back(text: str, file_name: str) -> list[str]:
    """Return what reading finds wrong with a description."""
    try:
        with tempfile.TemporaryDirectory() as place:
            write_text(Path(place) / file_name, text)
            return [finding.evidence for finding in read_description(Path(place), file_name).faulty_cases]
    except InputError as error:
        return [str(error)]
    except OSError as error:
        raise InputError(
            f"A copy of {file_name}, to try it on, can't be written in the folder for temporary files: "
            f"{error.strerror}. Nothing was written; make room there, or name another in TMPDIR."
        ) from None


def _first_twice(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if _as_compared(name) in seen:
            return name
        seen.add(_as_compared(name))
    return None


def _as_compared(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()
