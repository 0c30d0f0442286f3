"""Training what is missing of a series, and writing down whatever ends it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout

from segtrail.config.schema import Config
from segtrail.dataset.description import read_description
from segtrail.dataset.summary import dataset_fingerprint
from segtrail.errors import CheckFailed, InputError, Interrupted, SegtrailError
from segtrail.experiment.checking import CheckedData, read_and_check
from segtrail.experiment.preparation import cache_folder, redactor_for
from segtrail.experiment.recorded_config import read_recorded_config
from segtrail.progress import Narrator
from segtrail.record.local_paths import forget_paths, remember_paths
from segtrail.record.resolved_config import write_resolved_config
from segtrail.record.run_folder import RunFolder, describe_environment, utc_now
from segtrail.record.run_series import Resumption, SeriesFolder, SeriesRecord
from segtrail.run_series.earlier_runs import describe_other_versions, fault_of_finished_run
from segtrail.run_series.entry_training import train_entry
from segtrail.run_series.series_work import SeriesKind, SeriesWork
from segtrail.shell_words import quoted
from segtrail.version import __version__

Result = TypeVar("Result")


def read_data(config: Config, narrator: Narrator) -> CheckedData:
    """Read and check the data set of a series."""
    root = Path(config.paths.data_root).expanduser()
    description = read_description(root, config.data.description_file)
    return read_and_check(description, config.data, narrator, cache_folder(config) / "scans")


def opening_facts(config: Config, data: CheckedData, note: str, command: list[str]) -> dict[str, Any]:
    """Return what every record says of its begin."""
    redactor = redactor_for(config)
    return {
        "status": "running",
        "created_utc": utc_now(),
        "segtrail_version": __version__,
        "environment": describe_environment(),
        "start_command": redactor.redact_command(command),
        "note": redactor.redact(note),
        "dataset_fingerprint": _fingerprint(data),
    }


def write_opening(folder: SeriesFolder[Any], record: SeriesRecord, config: Config) -> None:
    """Write down all that is known before training; the record last, since it is what can be gone on with."""
    with writing(folder):
        write_resolved_config(folder.path, config, redactor_for(config))
        remember_paths(folder.path, config.paths)
        folder.write_record(record)


def note_resumption(work: SeriesWork) -> None:
    """Compare the data, look at every run again, and write down that the work goes on.

    Raises:
        InputError: The data are others than they were.
    """
    folder, record = work.folder, work.record
    _refuse_changed_data(work, read_data(work.config, work.narrator))
    environment = describe_environment()
    if others := describe_other_versions(work, environment):
        work.narrator.say(f"Warning: {others}")
    for entry in record.entries:
        if entry.status == "finished" and (fault := fault_of_finished_run(work, entry)):
            work.narrator.say(f"{work.name(entry)} is trained again: {fault}")
            entry.status, entry.run_id = "waiting", None
    record.resumed.append(
        Resumption(resumed_utc=utc_now(), segtrail_version=__version__, environment=environment)
    )
    record.status, record.ended_utc, record.ended_because = "running", None, None
    with writing(folder):
        remember_paths(folder.path, work.config.paths)
        folder.write_record(record)
    title = folder.TITLE
    work.narrator.say(f"{title[:1].upper()}{title[1:]} {folder.series_id}: {work.progress()}.")


def train_what_is_missing(work: SeriesWork, pool: Callable[[], Result]) -> Result:
    """Train every run that is not finished, and put the results together.

    Args:
        work: The series in hand.
        pool: Puts the results together, and writes them.

    Returns:
        What ``pool`` returned.

    Raises:
        SegtrailError: A training had to stop; the message says how to go on.
    """
    with _marked(work), writing(work.folder):
        for entry in work.record.entries:
            if entry.status != "finished":
                train_entry(work, entry)
        result = pool()
        _end(work, "finished", f"all {work.kind.plural} were trained")
    return result


def _fingerprint(data: CheckedData) -> str:
    return dataset_fingerprint(data.description, data.usable)


def _refuse_changed_data(work: SeriesWork, data: CheckedData) -> None:
    if _fingerprint(data) != work.record.dataset_fingerprint:
        raise InputError(
            f"The data in {data.description.root} are not those that {work.folder.series_id} began with: dataset.json "
            "or a file of a case has changed. Bring them back as they were, say where they lie with --data DIR, or "
            "begin anew."
        )


def _end(work: SeriesWork, status: Literal["interrupted", "failed", "finished"], because: str) -> None:
    record, redacted = work.record, redactor_for(work.config).redact(because)
    for entry in record.entries:
        if entry.status == "running":
            entry.status, entry.error = "failed" if status == "failed" else "interrupted", redacted
    record.status, record.ended_utc, record.ended_because = status, utc_now(), redacted
    work.folder.write_record(record)


@contextmanager
def _marked(work: SeriesWork) -> Iterator[None]:
    """Whatever ends the work early is written into the record, and told with the command that goes on."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as error:
        because = (str(error) or "Ctrl-C came").rstrip(".")
        with suppress(OSError):
            _end(work, "interrupted", because)
        raise Interrupted(f"{because}. {_way_on(work)}") from None
    except Exception as error:
        because = str(error) if isinstance(error, SegtrailError) else f"{type(error).__name__}: {error}"
        with suppress(OSError):
            _end(work, "failed", because)
        if not isinstance(error, SegtrailError):
            raise
        if _is_in_vain(work.record, error):
            work.folder.record_file.unlink(missing_ok=True)
            raise
        raise type(error)(f"{error} {_way_on(work)}") from error


def _is_in_vain(record: SeriesRecord, error: SegtrailError) -> bool:
    """Tell whether nothing is lost with the folder, because the first run was refused."""
    return isinstance(error, InputError | CheckFailed) and not record.n_finished and not record.resumed


def _way_on(work: SeriesWork) -> str:
    return f"{work.progress()}; `{_command(work.folder)} --resume {quoted(work.folder.path)}` goes on with the others."


def _command(folder: SeriesFolder[Any]) -> str:
    return f"segtrail {folder.KIND}"


@contextmanager
def begun(folder: SeriesFolder[Any]) -> Iterator[None]:
    """Hold a new folder; where the record was not written, or was taken back, it goes again."""
    try:
        with alone_in(folder):
            yield
    finally:
        if not folder.record_file.exists():
            shutil.rmtree(folder.path, ignore_errors=True)
            forget_paths(folder.path)


@contextmanager
def taken_up(
    folder: SeriesFolder[Any],
    kind: SeriesKind,
    data_root: Path | None,
    narrator: Narrator,
    command: list[str],
    on_sealed: Callable[[RunFolder], None],
) -> Iterator[SeriesWork]:
    """Hold a series that was begun earlier, and give what is left of it.

    Raises:
        InputError: The record or the data can't be worked with, or the data are others than they were.
        CheckFailed: The data did not pass their checks.
    """
    with alone_in(folder):
        record = folder.read_record()
        config = read_recorded_config(folder.path, folder.output_root, data_root)
        work = SeriesWork(folder, record, kind, config, command, narrator, on_sealed)
        note_resumption(work)
        yield work


@contextmanager
def writing(folder: SeriesFolder[Any]) -> Iterator[None]:
    """Tell of a file of the folder that can't be written."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read the output has seen enough
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        raise InputError(
            f"A file that {folder.series_id} needs can't be read or written ({what}). Put that right, and try again."
        ) from error


@contextmanager
def alone_in(folder: SeriesFolder[Any]) -> Iterator[None]:
    """Hold the folder, so that no second command trains its runs."""
    lock = FileLock(folder.lock_file, timeout=0)
    with writing(folder):
        try:
            lock.acquire()
        except Timeout:
            raise InputError(
                f"Another {_command(folder)} works in {folder.path}. Wait until it ends."
            ) from None
        except NotImplementedError as error:
            raise InputError(f"{folder.path} can't be held: {error}.") from None
    try:
        yield
    finally:
        lock.release()
