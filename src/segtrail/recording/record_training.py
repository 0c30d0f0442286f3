"""Recording a training of another program: look, run it, look again, read what it left, seal."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segtrail.errors import InputError, SegtrailError
from segtrail.experiment.disk_errors import told_of_disk
from segtrail.experiment.seal_run import seal_recorded
from segtrail.experiment.timing import Spent, timed
from segtrail.progress import Narrator
from segtrail.provenance.energy import estimate_energy
from segtrail.record.disk import require_writable
from segtrail.record.hashing import hash_file
from segtrail.record.redaction import Redactor
from segtrail.record.run_folder import RunFolder, Status
from segtrail.recording.command_log import CommandLog
from segtrail.recording.data_access import DataAccess, watched
from segtrail.recording.data_files import FILE_NAME as DATA_FILES
from segtrail.recording.data_files import DataState, read_data
from segtrail.recording.interpreter import find_program
from segtrail.recording.opening import Setting, look_at_setting, write_opening
from segtrail.recording.outputs import FOLDER as OUTPUTS
from segtrail.recording.outputs import VARIABLE, WatchedFolder, keep_outputs, look_at, make_fit
from segtrail.recording.read_training import read_training
from segtrail.recording.request import RecordRequest
from segtrail.recording.run_command import CommandEnd, run_command
from segtrail.recording.write_training import write_training
from segtrail.report.wording import as_sentence

_INTERRUPTED: Status = "interrupted"


@dataclass(frozen=True)
class RecordedRun:
    """A record that came to its end.

    Attributes:
        folder: Its folder.
        end: How the command ended.
        summary: The content of ``metrics_summary.json``; None where nothing was measured.
        gaps: What could not be recorded, in sentences.
        failure: What was asked for and could not be done with the outputs; empty where all was.
        fingerprint: The SHA-256 of its manifest.
    """

    folder: RunFolder
    end: CommandEnd
    summary: Mapping[str, Any] | None
    gaps: Sequence[str]
    failure: str
    fingerprint: str


def record_training(request: RecordRequest, narrator: Narrator, command_line: Sequence[str]) -> RecordedRun:
    """Run a command and keep what it did as a sealed run, however it ends.

    Args:
        request: The command, and what is to be kept.
        narrator: Hears of all that happens.
        command_line: The command line of segtrail.

    Returns:
        The record.

    Raises:
        InputError: The command can't be found, or a folder can't be used; nothing was run.
    """
    program = find_program(request.command[0])
    _require_usable(request)
    data = None if request.data_root is None else read_data(request.data_root, narrator)
    setting = look_at_setting(request, program)
    folder = RunFolder.create(request.output_root)
    redactor = redactor_for(request)
    with folder.held():
        outputs = look_at(request.outputs)
        write_opening(folder, request, setting, data, redactor, command_line)
        narrator.attach_log(folder.path / "train.log", redactor)
        narrator.say(f"Run {folder.run_id} records: {redactor.redact_command(request.command)}")
        with told_of_disk(folder):
            return _record(folder, request, setting, data, outputs, narrator, redactor)


def redactor_for(request: RecordRequest) -> Redactor:
    """Return what keeps machine paths out of a record."""
    known = {"data_root": request.data_root, "output_root": request.output_root}
    return Redactor({name: path for name, path in known.items() if path is not None})


def _require_usable(request: RecordRequest) -> None:
    require_writable(request.output_root, "--output-root", 0)
    runs = (request.output_root / "runs").resolve()
    for path in request.outputs:
        if runs.is_relative_to(path.resolve()):
            raise InputError(
                f"--outputs {path} holds the folder of the records themselves, {runs}. Name one of the command's own."
            )
        if path.exists() and not path.is_dir():
            raise InputError(f"--outputs {path} is no folder.")
    if (request.predictions is None) != (request.references is None):
        given, missing = (
            ("--predictions", "--references") if request.predictions else ("--references", "--predictions")
        )
        raise InputError(f"{given} is given without {missing}; label maps are measured against references.")


def _record(
    folder: RunFolder,
    request: RecordRequest,
    setting: Setting,
    data: DataState | None,
    outputs: Sequence[WatchedFolder],
    narrator: Narrator,
    redactor: Redactor,
) -> RecordedRun:
    (folder.path / OUTPUTS).mkdir()
    folder.journal.write("command started")
    access, end, gaps = _run(folder, request, setting, redactor)
    folder.journal.write("command ended", exit_code=end.exit_code, because=end.describe())
    folder.write_state(recorded={"exit_code": end.exit_code})
    narrator.say(as_sentence(end.describe()))
    gaps += _note_data(folder, data, access)
    spent = Spent()
    with timed(spent, "outputs"):
        lost = _keep(folder, outputs)
        gaps += make_fit(folder.path / OUTPUTS)
        _note_outputs(folder)
    with timed(spent, "evaluate"):
        summary, failure = _read(folder, request, setting, data, redactor, narrator)
    failure = " ".join(filter(None, [lost, failure]))
    gaps += [failure] if failure else []
    _note_end(folder, end, spent, setting, [redactor.redact(gap) for gap in gaps])
    for gap in gaps:
        narrator.say(f"Not on record: {gap}")
    fingerprint = seal_recorded(folder, narrator, with_report=request.with_report)
    return RecordedRun(folder, end, summary, gaps, failure, fingerprint)


def _run(
    folder: RunFolder, request: RecordRequest, setting: Setting, redactor: Redactor
) -> tuple[DataAccess, CommandEnd, list[str]]:
    environment = {"PYTHONUNBUFFERED": "1", **os.environ, VARIABLE: str((folder.path / OUTPUTS).resolve())}
    sys.stdout.flush()
    terminal = getattr(sys.stdout, "buffer", None)
    with (
        watched(request.data_root) as access,
        CommandLog(folder.path / "train.log", redactor, terminal) as log,
    ):
        end = run_command(request.command, setting.program, environment, log.hear)
    lost = log.failure
    gaps = [] if lost is None else [f"A part of what the command said is not in train.log: {lost.strerror}."]
    return access, end, [*access.gaps, *gaps]


def _keep(folder: RunFolder, outputs: Sequence[WatchedFolder]) -> str:
    """Copy the outputs; where that fails the rest is recorded all the same, and they lie where they were written."""
    try:
        keep_outputs(folder.path, outputs)
    except (InputError, OSError) as error:
        return f"Not all outputs were copied into the record; they lie where they were written: {error}"
    return ""


def _note_data(folder: RunFolder, data: DataState | None, access: DataAccess) -> list[str]:
    """Write down which data were opened, and which are not as they were before."""
    if data is None:
        return ["Which data the command read is not on record: --data DIR names the data set."]
    changes = data.find_changes()
    opened = None if access.opened is None else sorted(access.opened & data.files.keys())
    folder.journal.write("data used", purpose="command", opened=opened, changes=changes)
    described = {
        "files": len(data.files),
        "bytes": data.total_bytes,
        "sha256": hash_file(folder.path / DATA_FILES),
        "opened": None if opened is None else len(opened),
        "changes": changes,
    }
    folder.write_state(recorded={"data": described})
    return []


def _note_outputs(folder: RunFolder) -> None:
    paths = sorted(path for path in (folder.path / OUTPUTS).rglob("*") if path.is_file())
    hashes = {path.relative_to(folder.path).as_posix(): hash_file(path) for path in paths}
    folder.journal.write("outputs kept", files=hashes)
    described = {"files": len(paths), "bytes": sum(path.stat().st_size for path in paths)}
    folder.write_state(recorded={"outputs": described})


def _read(
    folder: RunFolder,
    request: RecordRequest,
    setting: Setting,
    data: DataState | None,
    redactor: Redactor,
    narrator: Narrator,
) -> tuple[Mapping[str, Any] | None, str]:
    """Read and measure what the command left; what fails is a sentence, since the rest is worth keeping."""
    try:
        training = read_training(folder, request, setting)
        return write_training(folder, training, data, redactor, narrator), ""
    except SegtrailError as error:
        return None, f"The outputs could not be read as asked: {error}"


def _note_end(
    folder: RunFolder, end: CommandEnd, spent: Spent, setting: Setting, gaps: Sequence[str]
) -> None:
    status: Status = "finished" if end.exit_code == 0 else "failed"
    if end.stopped_by is not None:
        status = _INTERRUPTED
    seconds = {"command": end.seconds, **spent.seconds}
    cpu_seconds = {"command": end.cpu_seconds, **spent.cpu_seconds}
    folder.write_state(
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        energy=estimate_energy(
            wall_seconds=end.seconds,
            cpu_seconds=end.cpu_seconds,
            memory_gb=round(end.peak_memory_bytes / 1e9, 3),
            gpu_seconds=end.seconds if setting.cards else 0.0,
            gpu_watts=None,  # whether the command used the card is not known
        ),
        recorded={"gaps": list(gaps)},
    )
    folder.end(status, end.describe())
