"""The opening of a run folder: all that is known before training, written down first."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segtrail.atomic import write_bytes, write_json
from segtrail.errors import InputError
from segtrail.experiment.disk_errors import describe_os_error
from segtrail.experiment.journal_events import opening_events
from segtrail.experiment.opened_run import OpenedRun
from segtrail.experiment.preparation import Stage, redactor_for
from segtrail.experiment.resume_conditions import describe_device
from segtrail.progress import Narrator
from segtrail.provenance.collect import Origin, collect_provenance
from segtrail.provenance.folder import FOLDER as PROVENANCE
from segtrail.provenance.folder import write_provenance
from segtrail.record.hashing import hash_file
from segtrail.record.local_paths import remember_paths
from segtrail.record.program_hash import hash_program
from segtrail.record.resolved_config import write_resolved_config
from segtrail.record.run_folder import RunFolder, describe_environment, utc_text
from segtrail.report.dataset_montage import montage_of_run
from segtrail.report.montage import FILE_NAME as MONTAGE
from segtrail.report.wording import format_count
from segtrail.version import __version__


@dataclass(frozen=True)
class Parent:
    """The finished run that a new one extends.

    Attributes:
        run_id: Its name.
        fingerprint: Its fingerprint; None where it is not sealed.
        stage: The network that is trained on.
        epoch: Its last epoch.
        differences: Conditions that are not those of the parent, or of what it goes back to.
    """

    run_id: str
    fingerprint: str | None
    stage: str
    epoch: int
    differences: tuple[dict[str, str], ...] = ()


@contextmanager
def opened_folder(
    opened: OpenedRun,
    narrator: Narrator,
    note: str,
    command: list[str],
    parent: Parent | None = None,
    take_over: Callable[[Path], None] = lambda _: None,
) -> Iterator[RunFolder]:
    """Make the run folder, hold it, and write down all that is known before training.

    Args:
        opened: What training starts from.
        narrator: Writes its log there from now on.
        note: A remark for the record.
        command: The command line that started the run.
        parent: The run that this one extends.
        take_over: Copies into the folder what training goes on from.

    Yields:
        The folder.

    Raises:
        InputError: It can't be written; it goes again.
    """
    folder = RunFolder.create(Path(opened.config.paths.output_root).expanduser())
    with folder.held():
        try:
            take_over(folder.path)
            _write_opening(folder, opened, narrator, note, command, parent)
        except BaseException as error:
            narrator.detach_log()
            shutil.rmtree(folder.path, ignore_errors=True)
            if isinstance(error, OSError):
                anew = "or choose another paths.output_root, and start again."
                raise InputError(
                    describe_os_error(error, f"Free some space, {anew}", f"Put that right, {anew}")
                ) from None
            raise
        yield folder


def _write_opening(
    folder: RunFolder,
    opened: OpenedRun,
    narrator: Narrator,
    note: str,
    command: list[str],
    parent: Parent | None,
) -> None:
    config, compute = opened.config, opened.compute
    redactor = redactor_for(config)
    write_resolved_config(folder.path, config, redactor)
    data = opened.data
    write_json(folder.path / "dataset_summary.json", data.summary)
    montage = montage_of_run(list(data.scans.values()), data.results, data.split)
    write_bytes(folder.path / MONTAGE, montage)
    created = datetime.now(UTC).replace(microsecond=0)
    write_provenance(folder.path / PROVENANCE, collect_provenance(origin_of(folder, opened, created)))
    remember_paths(folder.path, config.paths)
    start_command = redactor.redact_command(command)
    extends = {} if parent is None else {"parent": asdict(parent)}
    journal = folder.open_journal(config.project.operator)
    how = {"command": start_command, "note": redactor.redact(note), **extends}
    journal.write_all(opening_events(folder, opened, how))
    if parent is not None:
        journal.write("checkpoints taken over", sha256=_hash_checkpoints(folder.path / "checkpoints"))
    folder.write_state(  # last, since it makes the folder a run
        status="running",
        created_utc=utc_text(created),
        ended_utc=None,
        ended_because=None,
        segtrail_version=__version__,
        start_command=start_command,
        **extends,
        project=config.project.name,
        operator=config.project.operator,
        note=redactor.redact(note),
        device=describe_device(compute),
        environment=describe_environment(),
        model=_describe_network(opened.stages[-1]),
        stages=[{"stage": stage.name, **_describe_network(stage)} for stage in opened.stages],
        own_code=opened.own_code,
        program_sha256=hash_program(),
        seconds=opened.spent.seconds,
        cpu_seconds=opened.spent.cpu_seconds,
    )
    narrator.attach_log(folder.path / "train.log", redactor)


def origin_of(folder: RunFolder, opened: OpenedRun, created: datetime) -> Origin:
    """Return what the provenance of a run is collected of."""
    redactor = redactor_for(opened.config)
    return Origin(folder.run_id, created, opened.compute, opened.own_modules, redactor)


def _hash_checkpoints(checkpoints: Path) -> dict[str, str]:
    paths = sorted(checkpoints.rglob("*.pt"))
    return {path.relative_to(checkpoints).as_posix(): hash_file(path) for path in paths}


def _describe_network(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.config.model.name,
        "parameters": stage.built.n_parameters,
        "source_sha256": stage.built.source_sha256,
    }


def describe_start(folder: RunFolder, opened: OpenedRun) -> list[str]:
    """Say which networks a run trains, and where."""
    compute = opened.compute
    networks = ", then ".join(
        f"{stage.config.model.name} with {stage.built.n_parameters:,} weights, "
        f"{format_count(stage.config.train.max_epochs, 'epoch')}"
        for stage in opened.stages
    )
    start = (
        f"Run {folder.run_id}: {networks}, on {compute.device_name} ({compute.device.type}, {compute.precision}, "
        f"{compute.threads} threads)."
    )
    return [*filter(None, [compute.remark]), start]
