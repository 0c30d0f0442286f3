"""Cross-validation: one ordinary run for each fold, gone on with where it was stopped, and all cases pooled."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from segtrail.config.schema import Config
from segtrail.cross_validation.cross_validation_result import CrossValidationResult, pool_results
from segtrail.cross_validation.earlier_folds import (
    describe_other_versions,
    fault_of_finished_fold,
)
from segtrail.cross_validation.fold_training import CrossValidationWork, train_fold
from segtrail.dataset.description import read_description
from segtrail.dataset.folds import Fold, divide_into_folds, refuse_unfit_request
from segtrail.dataset.summary import dataset_fingerprint
from segtrail.errors import CheckFailed, InputError, Interrupted, SegtrailError
from segtrail.experiment.checking import CheckedData, read_and_check, refuse_unsound
from segtrail.experiment.preparation import cache_folder, redactor_for
from segtrail.experiment.recorded_config import read_recorded_config
from segtrail.progress import Narrator
from segtrail.record.cross_validation import (
    CrossValidationFolder,
    CrossValidationRecord,
    FoldEntry,
    Resumption,
)
from segtrail.record.local_paths import forget_paths, remember_paths
from segtrail.record.resolved_config import write_resolved_config
from segtrail.record.run_folder import RunFolder, describe_environment, utc_now
from segtrail.report.wording import format_count
from segtrail.shell_words import quoted
from segtrail.version import __version__


def cross_validate(
    config: Config,
    n_folds: int,
    narrator: Narrator,
    note: str,
    command: list[str],
    on_sealed: Callable[[RunFolder], None] = lambda _: None,
) -> CrossValidationResult:
    """Divide the cases into folds, train a run for each, and pool the results.

    Args:
        config: The configuration; its section ``split`` says which cases are divided.
        n_folds: How many folds.
        narrator: Hears of all that happens.
        note: A remark for the record.
        command: The command line that begins it.
        on_sealed: Is given the run of each fold when that is sealed, to sign it.

    Returns:
        The result.

    Raises:
        InputError: Configuration, data or machine can't be worked with. Where no fold was trained, no folder is left.
        CheckFailed: The data did not pass their checks; the same holds.
        TrainingFailed: A training had to stop. The message says how to go on.
        Interrupted: The user stopped it. The message says how to go on.
    """
    refuse_unfit_request(config.split, n_folds)
    data = _read_data(config, narrator)
    refuse_unsound(data, "trained on")
    folds = divide_into_folds(data.usable, config.split, n_folds, data.left_out)
    folder = CrossValidationFolder.create(Path(config.paths.output_root).expanduser())
    try:
        with _alone_in(folder):
            record = _open_record(folder, config, folds, data, note, command)
            _say_start(folder, record, data, narrator)
            work = CrossValidationWork(folder, record, config, command, narrator, on_sealed)
            return _train_what_is_missing(work)
    finally:
        if not folder.record_file.exists():
            shutil.rmtree(folder.path, ignore_errors=True)
            forget_paths(folder.path)


def resume_cross_validation(
    folder: CrossValidationFolder,
    data_root: Path | None,
    narrator: Narrator,
    command: list[str],
    on_sealed: Callable[[RunFolder], None] = lambda _: None,
) -> CrossValidationResult:
    """Go on with a cross-validation: folds that are done are kept, the run in hand goes on, all others are trained.

    Args:
        folder: Its folder.
        data_root: Where its data lie now; None where they lay.
        narrator: Hears of all that happens.
        command: The command line that goes on with it.
        on_sealed: Is given the run of each fold when that is sealed, to sign it.

    Returns:
        The result.

    Raises:
        InputError: The record or the data can't be worked with, or the data are others than they were.
        CheckFailed: The data did not pass their checks.
        TrainingFailed: A training had to stop.
        Interrupted: The user stopped it. The message of whatever stops it says how to go on.
    """
    with _alone_in(folder):
        record = folder.read_record()
        config = read_recorded_config(folder.path, folder.output_root, data_root)
        _refuse_changed_data(record, _read_data(config, narrator))
        work = CrossValidationWork(folder, record, config, command, narrator, on_sealed)
        _note_resumption(work)
        return _train_what_is_missing(work)


def _read_data(config: Config, narrator: Narrator) -> CheckedData:
    root = Path(config.paths.data_root).expanduser()
    description = read_description(root, config.data.description_file)
    return read_and_check(description, config.data, narrator, cache_folder(config) / "scans")


def _open_record(
    folder: CrossValidationFolder,
    config: Config,
    folds: Sequence[Fold],
    data: CheckedData,
    note: str,
    command: list[str],
) -> CrossValidationRecord:
    """Write down all that is known before training; ``cv.json`` last, since it is what can be gone on with."""
    redactor = redactor_for(config)
    record = CrossValidationRecord(
        cv_id=folder.cv_id,
        status="running",
        created_utc=utc_now(),
        segtrail_version=__version__,
        environment=describe_environment(),
        start_command=redactor.redact_command(command),
        note=redactor.redact(note),
        split_seed=config.split.seed,
        n_folds=len(folds),
        dataset_fingerprint=_fingerprint(data),
        folds=[FoldEntry(fold=fold.number, val=fold.val, train=fold.train) for fold in folds],
    )
    with _writing(folder):
        write_resolved_config(folder.path, config, redactor)
        remember_paths(folder.path, config.paths)
        folder.write_record(record)
    return record


def _say_start(
    folder: CrossValidationFolder, record: CrossValidationRecord, data: CheckedData, narrator: Narrator
) -> None:
    sizes = ", ".join(str(len(fold.val)) for fold in record.folds)
    n_cases = sum(len(fold.val) for fold in record.folds)
    narrator.say(
        f"Cross-validation {folder.cv_id}: {format_count(n_cases, 'case')} of {data.description.name} in "
        f"{record.n_folds} folds of {sizes}."
    )


def _note_resumption(work: CrossValidationWork) -> None:
    """Look at every fold again, and write down that the work goes on."""
    folder, record = work.folder, work.record
    environment = describe_environment()
    if others := describe_other_versions(record, environment):
        work.narrator.say(f"Warning: {others}")
    for fold in record.folds:
        if fold.status == "finished" and (fault := fault_of_finished_fold(folder, record, fold)):
            work.narrator.say(f"Fold {fold.fold} of {record.n_folds} is trained again: {fault}")
            fold.status, fold.run_id = "waiting", None
    record.resumed.append(
        Resumption(resumed_utc=utc_now(), segtrail_version=__version__, environment=environment)
    )
    record.status, record.ended_utc, record.ended_because = "running", None, None
    with _writing(folder):
        remember_paths(folder.path, work.config.paths)
        folder.write_record(record)
    work.narrator.say(
        f"Cross-validation {folder.cv_id}: {record.n_finished} of {record.n_folds} folds are done."
    )


def _train_what_is_missing(work: CrossValidationWork) -> CrossValidationResult:
    folder, record = work.folder, work.record
    with _marked(work), _writing(folder):
        for fold in record.folds:
            if fold.status != "finished":
                train_fold(work, fold)
        result = pool_results(folder, record, work.config)
        _end(work, "finished", "all folds were trained")
    work.narrator.say(f"Cross-validation: {folder.path}")
    return result


def _fingerprint(data: CheckedData) -> str:
    return dataset_fingerprint(data.description, data.usable)


def _refuse_changed_data(record: CrossValidationRecord, data: CheckedData) -> None:
    if _fingerprint(data) != record.dataset_fingerprint:
        raise InputError(
            f"The data in {data.description.root} are not those that {record.cv_id} began with: dataset.json or a file "
            "of a case has changed. Bring them back as they were, say where they lie with --data DIR, or begin anew."
        )


def _end(
    work: CrossValidationWork, status: Literal["interrupted", "failed", "finished"], because: str
) -> None:
    record, redacted = work.record, redactor_for(work.config).redact(because)
    for fold in record.folds:
        if fold.status == "running":
            fold.status, fold.error = "failed" if status == "failed" else "interrupted", redacted
    record.status, record.ended_utc, record.ended_because = status, utc_now(), redacted
    work.folder.write_record(record)


@contextmanager
def _marked(work: CrossValidationWork) -> Iterator[None]:
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


def _is_in_vain(record: CrossValidationRecord, error: SegtrailError) -> bool:
    """Tell whether nothing is lost with the folder, because the first fold was refused."""
    return isinstance(error, InputError | CheckFailed) and not record.n_finished and not record.resumed


def _way_on(work: CrossValidationWork) -> str:
    return (
        f"{work.record.n_finished} of {work.record.n_folds} folds are done; "
        f"`segtrail cv --resume {quoted(work.folder.path)}` goes on with the others."
    )


@contextmanager
def _writing(folder: CrossValidationFolder) -> Iterator[None]:
    """Tell of a file of the folder that can't be written."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read the output has seen enough
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        raise InputError(
            f"A file that {folder.cv_id} needs can't be read or written ({what}). Put that right, and try again."
        ) from error


@contextmanager
def _alone_in(folder: CrossValidationFolder) -> Iterator[None]:
    """Hold the folder, so that no second command trains its folds."""
    lock = FileLock(folder.lock_file, timeout=0)
    with _writing(folder):
        try:
            lock.acquire()
        except Timeout:
            raise InputError(f"Another segtrail cv works in {folder.path}. Wait until it ends.") from None
        except NotImplementedError as error:
            raise InputError(f"{folder.path} can't be held: {error}.") from None
    try:
        yield
    finally:
        lock.release()
