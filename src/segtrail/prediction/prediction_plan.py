"""Which images of a prediction are still to be segmented, and which outputs must not be touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segtrail.dataset import names
from segtrail.errors import InputError
from segtrail.inference.inputs import FoundInputs, InputImage
from segtrail.record.hashing import hash_file
from segtrail.record.prediction import CaseEntry, PredictionFolder, PredictionRecord, RecordedFile
from segtrail.record.run_folder import RunFolder

_CASES_SHOWN = 20


@dataclass(frozen=True)
class Task:
    """One image to segment.

    Attributes:
        image: The image.
        probabilities: Whether its probabilities are kept too.
    """

    image: InputImage
    probabilities: bool


@dataclass(frozen=True)
class Plan:
    """What is to be done, and the names of the cases that are done already."""

    tasks: tuple[Task, ...]
    skipped: tuple[str, ...]


def require_safe_output(folder: PredictionFolder, run: RunFolder, found: FoundInputs) -> None:
    """Make sure that no input and no run can be overwritten.

    Raises:
        InputError: The output folder is none, lies in a run folder, or holds the inputs.
    """
    try:
        _require_safe_place(folder, run, found)
    except OSError as error:
        raise InputError(
            f"--output {folder.path} can't be looked into: {error.strerror or error}. Choose another folder."
        ) from None
    inputs = {identity for image in found.images for file in image.files if (identity := _identity(file))}
    for image in found.images:
        for file in folder.files(image.case):
            if _identity(file) in inputs:
                raise InputError(f"The output {file} is one of the inputs. Choose another --output.")


def open_record(
    folder: PredictionFolder, new: PredictionRecord, cases: Sequence[str], *, overwrite: bool
) -> PredictionRecord:
    """Read the record of a folder that is continued, or begin a new one.

    Args:
        folder: The folder.
        new: The record to begin with where there is none.
        cases: The cases that the command line names.
        overwrite: Whether predictions of another network may be replaced.

    Returns:
        The record.

    Raises:
        InputError: The folder holds predictions of another network that would be lost or mixed.
    """
    old = folder.read_record()
    if old is None:
        return new
    if old.is_of_same_network(new):
        return old
    checkpoint, epoch = (old.run_fingerprint.get(key) for key in ("checkpoint", "epoch"))
    what = f"{folder.path} holds predictions of {old.run_id} ({checkpoint}, epoch {epoch})"
    if not overwrite:
        raise InputError(
            f"{what}, made with another network or other settings: {_list_names(list(old.cases))}. "
            "Choose another --output, or add --overwrite to replace them."
        )
    kept = [name for name, entry in old.cases.items() if name not in cases and entry.status == "done"]
    if kept:
        raise InputError(
            f"{what} for cases that are not among the inputs: {_list_names(kept)}. They would be left without a "
            "record: choose another --output."
        )
    return new


def plan_cases(
    images: Sequence[InputImage],
    folder: PredictionFolder,
    known: Mapping[str, CaseEntry],
    *,
    probabilities: bool,
    overwrite: bool,
) -> Plan:
    """Tell what is to be segmented from what is done.

    Args:
        images: The inputs.
        folder: Where the outputs lie.
        known: The entries of the record, by case.
        probabilities: Whether probabilities are wanted.
        overwrite: Whether all are made again.

    Returns:
        The plan.

    Raises:
        InputError: Outputs are there that this network did not make from these inputs.
    """
    tasks, skipped, conflicts = [], [], []
    for image in images:
        entry = known.get(image.case)
        conflict = None if overwrite else _conflict(image, folder, entry)
        keep = probabilities or (not overwrite and entry is not None and entry.probabilities is not None)
        if conflict is not None:
            conflicts.append(f"  {names.shown(image.case)}: {conflict}")
        elif not overwrite and _is_whole(entry, folder, keep):
            skipped.append(image.case)
        else:
            tasks.append(Task(image, keep))
    if conflicts:
        shown = conflicts[:_CASES_SHOWN]
        more = [f"  and {len(conflicts) - len(shown)} more"] if len(conflicts) > len(shown) else []
        raise InputError(
            f"{folder.path} holds files that would be overwritten:\n"
            + "\n".join([*shown, *more])
            + "\nChoose another --output, or add --overwrite to replace them."
        )
    return Plan(tuple(tasks), tuple(skipped))


def hash_or_none(path: Path) -> str | None:
    """Return the hash of a file; None where it can't be read, or is a pipe that would be waited for."""
    try:
        return hash_file(path) if path.is_file() else None
    except OSError:
        return None


def former_files(entry: CaseEntry | None) -> dict[str, str | None]:
    """Return the hashes of the files of an entry by their names in the folder."""
    return {} if entry is None else {file.file: file.sha256 for file in _recorded(entry)}


def is_of_same_input(entry: CaseEntry | None, inputs: Sequence[RecordedFile]) -> bool:
    """Whether the files of an entry were made from these inputs.

    An input that can't be read now is taken for the same, since nothing says that it is another.
    """
    if entry is None or len(entry.inputs) != len(inputs):
        return False
    pairs = zip(entry.inputs, inputs, strict=True)
    return all(now.sha256 is None or now.sha256 == former.sha256 for former, now in pairs)


def _require_safe_place(folder: PredictionFolder, run: RunFolder, found: FoundInputs) -> None:
    path = folder.path.resolve()
    if path.exists() and not path.is_dir():
        raise InputError(f"--output names {folder.path}, which is a file. Name a folder.")
    for parent in (path, *path.parents):
        is_run = (parent / "run.json").is_file() and (parent / "checkpoints").is_dir()
        if is_run or parent == run.path.resolve():
            raise InputError(
                f"--output {folder.path} lies in the run folder {parent.name}. A run folder is a record: choose a "
                "folder outside."
            )
    if path in {named.resolve() for named in found.folders}:
        raise InputError(
            f"--output {folder.path} is the folder of the inputs. Choose another, so that none is overwritten."
        )


def _conflict(image: InputImage, folder: PredictionFolder, entry: CaseEntry | None) -> str | None:
    """Say why existing outputs of a case must not be touched."""
    existing = [path for path in folder.files(image.case) if path.exists()]
    if not existing:
        return None
    if entry is None or entry.status == "failed":
        return f"{_within(existing[0], folder)} is there, but prediction.json does not say how it was made"
    started = entry.status == "started"
    if not started and [hash_or_none(file) for file in image.files] != [file.sha256 for file in entry.inputs]:
        return f"{_within(existing[0], folder)} was made from another image"
    recorded = former_files(entry)
    for path in existing:
        name = _within(path, folder)
        if name not in recorded:
            if (
                started
            ):  # it was not there when the case began: a kill came between its writing and its record
                continue
            return f"{name} is there, but prediction.json does not say how it was made"
        if hash_or_none(path) != recorded[name]:
            return f"{name} was changed since it was made"
    return None


def _is_whole(entry: CaseEntry | None, folder: PredictionFolder, probabilities: bool) -> bool:
    """Whether all that is wanted of a case without conflict is there."""
    if entry is None or entry.status != "done" or (probabilities and entry.probabilities is None):
        return False
    return all((folder.path / file.file).exists() for file in _recorded(entry))


def _recorded(entry: CaseEntry) -> list[RecordedFile]:
    return [file for file in (entry.output, entry.probabilities, entry.picture) if file is not None]


def _within(path: Path, folder: PredictionFolder) -> str:
    return path.relative_to(folder.path).as_posix()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what two names of one file have in common; None for no file."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _list_names(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - _CASES_SHOWN} more" if len(cases) > _CASES_SHOWN else ""
    return (", ".join(map(names.shown, cases[:_CASES_SHOWN])) or "none yet") + more
