"""Ctrl-C and SIGTERM as a wish to stop after the step in hand."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether somebody asked the training to stop, and how."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def __bool__(self) -> bool:
        return self.reason is not None


@contextmanager
def listen_for_stop() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C or SIGTERM into a request; a second Ctrl-C stops at once.

    Yields:
        The request, which turns true when a signal came.
    """
    request = StopRequest()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if request and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.reason = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def ignore_keyboard_interrupt(_worker: int) -> None:
    """Leave Ctrl-C to the main process; for the processes that prepare patches."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
