"""Letting a tool look at a run while it trains."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from segtrail.config.schema import Config
from segtrail.errors import InputError, Interrupted
from segtrail.progress import Narrator
from segtrail.record.history import HistoryRow
from segtrail.record.run_folder import RunFolder

OnEpoch = Callable[[HistoryRow], None]


@contextmanager
def watched(folder: RunFolder, config: Config, narrator: Narrator) -> Iterator[OnEpoch]:
    """Tell the tool that the configuration names of every epoch, as far as it listens.

    Args:
        folder: The run folder.
        config: The configuration.
        narrator: Hears at the end of what did not arrive.

    Yields:
        What is to hear of each epoch; it never waits and never fails.
    """
    if config.train.watch is None:
        yield lambda _: None
        return
    from segtrail.export.mlflow.live import LiveLog, describe_missing_server

    try:
        log = LiveLog(folder.path)
    except InputError:
        narrator.say(describe_missing_server())
        yield lambda _: None
        return
    status = "FAILED"
    try:
        yield lambda row: log.tell(row.stage, asdict(row))
        status = "FINISHED"
    except (Interrupted, KeyboardInterrupt):
        status = "KILLED"
        raise
    finally:
        missing = log.close(status)
        if missing is not None:
            narrator.say(missing)
