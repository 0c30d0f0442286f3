"""What an interrupted run goes on from: read, and compared with what its journal saw written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from segtrail.config.schema import Config
from segtrail.errors import InputError
from segtrail.experiment.recorded_config import read_recorded_config
from segtrail.experiment.train_stages import EarlierTraining
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.history import count_history
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import Entry, find_breaks, read_journal
from segtrail.record.links import refuse_links
from segtrail.record.notes import NOTED
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import RunFolder
from segtrail.training.checkpoint import FINDERS, CheckpointFolder, load_checkpoint

# What may stand behind the line of a checkpoint that never came to be.
_ENDINGS = frozenset({"interrupted", "failed", "line dropped", NOTED})
_REMEDY = "Bring it back, or train anew."


@dataclass(frozen=True)
class InterruptedRun:
    """A run that can be gone on with.

    Attributes:
        earlier: What it has trained.
        config: Its configuration, with this machine's paths.
    """

    earlier: EarlierTraining
    config: Config


def read_interrupted(folder: RunFolder, data_root: Path | None = None) -> InterruptedRun:
    """Read what a run goes on from, without changing anything.

    Args:
        folder: The run folder.
        data_root: Where its data lie now; None where they lay.

    Returns:
        What was read.

    Raises:
        InputError: A file is missing or damaged, or is not the one that the journal saw.
    """
    refuse_links(folder.path)
    folder.read_state()
    entries = _read_journal(folder)
    config = read_recorded_config(folder.path, folder.path.parent.parent, data_root)
    _refuse_changed_opening(folder.path, entries[0])
    earlier = _read_earlier(folder.path / "checkpoints")
    _refuse_unknown_checkpoints(folder.path / "checkpoints", entries)
    if earlier.last is not None:
        _require_finders(folder.path / "checkpoints" / FINDERS, entries, str(earlier.last["stage"]))
        CheckpointFolder(folder.path / "checkpoints").require_best(earlier.last["best_sha256"])
        _require_history(folder.path / "history.csv", int(earlier.last["history_rows"]))
    return InterruptedRun(earlier, config)


def _read_earlier(checkpoints: Path) -> EarlierTraining:
    """Read what a run has trained; whatever lies beside ``last.pt`` without being known to it is of no account."""
    if not (checkpoints / "last.pt").exists():
        return EarlierTraining()
    last = load_checkpoint(checkpoints / "last.pt")
    networks = {}
    for path in sorted((checkpoints / FINDERS).glob("*.pt")):
        content = load_checkpoint(path)
        networks.update(content["networks"])
    return EarlierTraining(networks, last)


def _read_journal(folder: RunFolder) -> list[Entry]:
    path = folder.path / JOURNAL
    entries = read_journal(path) if path.exists() else []
    if not entries:
        raise InputError(
            f"{folder.run_id} has no {JOURNAL}, which every run begins with but those of older versions. {_REMEDY}"
        )
    breaks = find_breaks(entries)
    if breaks:
        raise InputError(f"{JOURNAL} was changed: {breaks[0]}. {_REMEDY}")
    return entries


def _refuse_changed_opening(run_dir: Path, opening: Entry) -> None:
    for name, key in ((CONFIG_FILE, "config_sha256"), ("dataset_summary.json", "dataset_summary_sha256")):
        known = opening.details.get(key)  # a journal that was begun later does not know it
        is_there = (run_dir / name).is_file()
        if known is not None and (not is_there or hash_text_file(run_dir / name) != known):
            raise InputError(f"{name} is not the one that the run was opened with. {_REMEDY}")


def _refuse_unknown_checkpoints(checkpoints: Path, entries: Sequence[Entry]) -> None:
    known = {sha256 for entry in entries for sha256 in _hashes_in(entry)}
    last = checkpoints / "last.pt"
    if last.exists():
        taken = [last, *sorted((checkpoints / FINDERS).glob("*.pt"))]
        for path in taken:
            if hash_file(path) not in known:
                name = path.relative_to(checkpoints.parent).as_posix()
                raise InputError(f"{name} is not one that the journal saw written. {_REMEDY}")
    elif _had_a_checkpoint(entries):
        raise InputError(
            f"checkpoints/last.pt is missing, although the journal saw it written; the training would begin anew and "
            f"what is there would be lost. {_REMEDY}"
        )


def _hashes_in(entry: Entry) -> Iterator[str]:
    """Give the hashes of the checkpoints that a line speaks of."""
    hashes = entry.details.get("sha256")
    if entry.action in ("checkpoint written", "checkpoints taken over") and isinstance(hashes, dict):
        yield from map(str, hashes.values())
    if entry.action == "network kept":
        yield str(hashes)


def _had_a_checkpoint(entries: Sequence[Entry]) -> bool:
    """Tell whether there was a ``last.pt``: its first line alone does not say so, since it comes before the file."""
    announced = False
    for entry in entries:
        if entry.action == "resumed" and entry.details.get("stage") is None:
            announced = False
        elif announced and entry.action not in _ENDINGS:
            return True
        announced = announced or entry.action in ("checkpoint written", "checkpoints taken over")
    return False


def _require_finders(finders: Path, entries: Sequence[Entry], stage: str) -> None:
    """Make sure of the networks that were kept; a kill may have come between the line and the file of the last one."""
    for entry in entries:
        name = entry.details.get("network")
        if entry.action == "network kept" and name != stage and not (finders / f"{name}.pt").is_file():
            raise InputError(
                f"checkpoints/{FINDERS}/{name}.pt is missing, although the journal saw it written. {_REMEDY}"
            )


def _require_history(path: Path, n_rows: int) -> None:
    found = count_history(path)
    if found < n_rows:
        raise InputError(
            f"history.csv has {found} epochs, where last.pt knows {n_rows}: it was changed. {_REMEDY}"
        )
