"""The index of runs, brought up to date beside the pages that ask for it."""

import threading
import time

from segtrail.errors import SegtrailError
from segtrail.run_index.index import RunIndex

_SECONDS_BETWEEN = 2.0


class FreshIndex:
    """Refreshes an index in the background; a page waits a moment for it, and else shows what is read so far.

    Args:
        index: The index.
    """

    def __init__(self, index: RunIndex) -> None:
        self.index = index
        self.problem: str | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = -_SECONDS_BETWEEN

    def freshen(self, most_seconds: float) -> bool:
        """Bring the index up to date.

        Args:
            most_seconds: How long to wait for it.

        Returns:
            Whether it is; False while folders are still being read.
        """
        with self._lock:
            is_old = time.monotonic() - self._ended > _SECONDS_BETWEEN
            if is_old and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(
                    target=self._refresh, name="refresh of the index", daemon=True
                )
                self._thread.start()
            thread = self._thread
        if thread is not None:
            thread.join(most_seconds)
        return thread is None or not thread.is_alive()

    def _refresh(self) -> None:
        try:
            self.index.refresh()
            self.problem = None
        except (SegtrailError, OSError) as error:
            self.problem = str(error)
        finally:
            self._ended = time.monotonic()
