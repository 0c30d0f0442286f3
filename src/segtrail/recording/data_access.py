"""Which files of a data set are opened while a command runs, as far as the system tells."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_NOT_TOLD = (
    "Which files of the data the command opened is not on record: only Linux tells it. That they were there, with "
    "their hashes, is."
)

# How long nothing new has to come before all is heard.
_PAUSE_SECONDS = 0.2


@dataclass
class DataAccess:
    """What was opened in a folder.

    Attributes:
        opened: The files by their path in it; None where the system does not tell.
        gaps: Why it does not, in sentences.
    """

    opened: set[str] | None = None
    gaps: list[str] = field(default_factory=list)


@contextmanager
def watched(root: Path | None) -> Iterator[DataAccess]:
    """Watch a folder while the block lasts; whoever opens a file in it is noticed, the command or another program.

    Args:
        root: The folder; None watches nothing.

    Yields:
        What was opened, complete when the block is left.
    """
    access = DataAccess()
    if root is None:
        yield access
        return
    if sys.platform != "linux":
        access.gaps.append(_NOT_TOLD)
        yield access
        return
    with _watched_by_inotify(root.resolve(), access):
        yield access


@contextmanager
def _watched_by_inotify(root: Path, access: DataAccess) -> Iterator[None]:
    from watchdog.events import FileOpenedEvent, FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    opened: set[str] = set()

    class Listener(FileSystemEventHandler):
        def on_opened(self, event: FileSystemEvent) -> None:
            path = Path(str(event.src_path))
            if not event.is_directory and path.is_relative_to(root):
                opened.add(path.relative_to(root).as_posix())

    observer = Observer()
    try:
        observer.schedule(Listener(), str(root), recursive=True, event_filter=[FileOpenedEvent])
        observer.start()
    except OSError as error:  # more folders than the system watches, or a file system that tells nothing
        reason = error.strerror or str(error)
        access.gaps.append(f"Which files of the data the command opened is not on record: {reason}.")
        yield
        return
    try:
        yield
    finally:
        _wait_until_heard(opened)
        observer.stop()
        observer.join()
        access.opened = opened


def _wait_until_heard(opened: set[str]) -> None:
    """Let what is on its way arrive."""
    before = -1
    while before != len(opened):
        before = len(opened)
        time.sleep(_PAUSE_SECONDS)
