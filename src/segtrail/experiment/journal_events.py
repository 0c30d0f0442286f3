"""What the journal of a run says of its opening: the configuration, the code, the machine, every file that was read."""

from collections.abc import Iterator, Mapping
from typing import Any

from segtrail.experiment.opened_run import OpenedRun
from segtrail.experiment.resume_conditions import describe_device
from segtrail.provenance.folder import FOLDER as PROVENANCE
from segtrail.provenance.folder import hash_provenance
from segtrail.record.hashing import hash_file
from segtrail.record.program_hash import hash_program
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import RunFolder, describe_environment
from segtrail.version import __version__

Event = tuple[str, Mapping[str, Any]]


def opening_events(folder: RunFolder, opened: OpenedRun, how: Mapping[str, Any]) -> Iterator[Event]:
    """Give the first lines of the journal of a run.

    Args:
        folder: The run folder, with configuration and data set already in it.
        opened: What training starts from.
        how: How the run was started: ``command`` and ``note``, without machine paths, and the ``parent`` that it
            extends.
    """
    yield (
        "run opened",
        {
            "run_id": folder.run_id,
            **how,
            "config_sha256": hash_file(folder.path / CONFIG_FILE),
            "dataset_summary_sha256": hash_file(folder.path / "dataset_summary.json"),
            "segtrail_version": __version__,
            "program_sha256": hash_program(),
            "own_code": opened.own_code,
            "environment": describe_environment(),
            "device": describe_device(opened.compute),
            "provenance": hash_provenance(folder.path / PROVENANCE),
        },
    )
    yield from reading_events(opened)
    split = opened.data.split
    sides = {"train": list(split.train), "val": list(split.val), "test": list(split.test)}
    yield "data split", {"hash": split.hash, **sides}


def reading_events(opened: OpenedRun) -> Iterator[Event]:
    """Say which files were read to check and to preprocess them; also when a run is gone on with."""
    data = opened.data
    remembered = [case for case, scan in data.scans.items() if not scan.read_now]
    yield (
        "data used",
        {
            "purpose": "check",
            "fingerprint": data.summary["fingerprint"],
            "cases": data.hashes(data.scans),
            "unchanged_since_read_before": remembered,
        },
    )
    for stage, made in opened.preprocessed.items():
        cached = [case for case in [*data.split.train, *data.split.val] if case not in made]
        details = {"purpose": "preprocess", "stage": stage, "cases": data.hashes(made), "cached": cached}
        yield "data used", details
