"""Ctrl-C and SIGTERM: a wish to stop after the step in hand while training, at once elsewhere."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_Handler = Callable[[int, FrameType | None], None]


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

    with _handled_by(on_signal, signal.SIGINT, signal.SIGTERM):
        yield request


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """End the block with ``KeyboardInterrupt`` when SIGTERM comes, as Ctrl-C ends it."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt("SIGTERM came")

    with _handled_by(on_signal, signal.SIGTERM):
        yield


def leave_signals_to_the_main_process() -> None:
    """Ignore Ctrl-C and SIGTERM, which reach a whole process group; for the processes that prepare patches."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


@contextmanager
def _handled_by(handler: _Handler, *numbers: signal.Signals) -> Iterator[None]:
    """Handle signals while the block lasts; Python lets only the main thread do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)
