"""What a run says to MLflow while it trains: in a thread of its own, which can neither slow nor fail the training."""

import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segtrail.errors import SegtrailError
from segtrail.export.mlflow.content import RunContent, points_of_epoch, read_content
from segtrail.export.mlflow.export_runs import create_tracked, find_tracked, log_parameters, log_points
from segtrail.export.mlflow.tracking_server import URI_VARIABLE, TrackingServer, given_uri, require_server

# Epochs that wait for a server that is away; beyond that the oldest go, and an export brings them later.
_MOST_WAITING = 1000
# Pauses between two tries.
_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0
# How long the end of a run waits for what is under way.
_LAST_WAIT_SECONDS = 5.0


class LiveLog:
    """Tells a tracking server of every epoch of one run.

    The server is the one of MLflow's own environment variable: its address belongs to the machine and not to the run.

    Args:
        folder: The run folder.

    Raises:
        InputError: No server is named, or it is none that MLflow can write to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._uri = folder, given_uri(None)
        require_server(self._uri)
        self._waiting: deque[tuple[int, Mapping[str, Any]]] = deque(maxlen=_MOST_WAITING)
        self._told, self._delivered, self._why = 0, 0, "has not answered in time"
        self._ending: str | None = None
        self._changed, self._done = threading.Event(), threading.Event()
        self._client: Any = None
        self._uuid = ""
        threading.Thread(target=self._work, name="mlflow", daemon=True).start()

    def tell(self, stage: str, row: Mapping[str, Any]) -> None:
        """Pass on an epoch; this never waits.

        Args:
            stage: The network in training.
            row: Columns of ``history.csv``.
        """
        self._told += 1
        self._waiting.append((round(time.time() * 1000), {"stage": stage, **row}))
        self._changed.set()

    def close(self, status: str) -> str | None:
        """Let what is under way arrive, for some seconds at most.

        Args:
            status: How the run ended, in MLflow's words.

        Returns:
            A sentence where something did not arrive; it names no address.
        """
        self._ending = status
        self._changed.set()
        if self._done.wait(_LAST_WAIT_SECONDS) and self._delivered == self._told:
            return None
        return (
            f"MLflow was told of {self._delivered} of {self._told} epochs, since the tracking server {self._why}. "
            f"`segtrail export {self._folder.name} --to mlflow` completes the run there."
        )

    def _work(self) -> None:
        """Deliver until the run has ended; the last try comes after that."""
        pause = _FIRST_PAUSE_SECONDS
        while not self._done.is_set():
            self._changed.wait()
            self._changed.clear()
            ending = self._ending
            try:
                self._deliver()
                if ending is not None:
                    self._client.set_terminated(self._uuid, ending)
                pause = _FIRST_PAUSE_SECONDS
            except Exception as error:  # whatever it is, the training goes on
                self._why = _reason(error)
                if ending is None:
                    self._wait(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            if ending is not None:
                self._done.set()

    def _deliver(self) -> None:
        if self._client is None:
            self._connect()
        while self._waiting:
            waiting = list(self._waiting)
            points = [
                point
                for time_ms, row in waiting
                for point in points_of_epoch(str(row["stage"]), row, time_ms)
            ]
            log_points(self._client, self._uuid, points)
            self._delivered += len(waiting)
            for _ in waiting:
                self._waiting.popleft()

    def _connect(self) -> None:
        server = TrackingServer(self._uri)
        with server.errors_said():
            content: RunContent = read_content(self._folder)
            experiment = server.experiment(content.experiment)
            tracked = find_tracked(server.client, experiment, content.identity)
            if tracked is None:
                tracked = create_tracked(server.client, experiment, content.start_ms, dict(content.tags))
            else:
                server.client.update_run(tracked.info.run_id, status="RUNNING")
            self._uuid = tracked.info.run_id
            log_parameters(server.client, self._uuid, content.parameters, tracked.data.params)
        self._client = server.client

    def _wait(self, seconds: float) -> None:
        """Wait before the next try, but not beyond the end of the run."""
        until = time.monotonic() + seconds
        while self._ending is None and (left := until - time.monotonic()) > 0:
            self._changed.wait(left)
            self._changed.clear()
        self._changed.set()


def _reason(error: Exception) -> str:
    """Say in a few words why nothing arrived, without the server's address, which is not for the run's log."""
    cause = error.__cause__ or error.__context__ or error
    if isinstance(error, SegtrailError) and "pip install" in str(error):
        return "needs packages that are not installed: pip install 'segtrail[mlflow]'"
    return f"can't be worked with ({type(cause).__name__})"


def describe_missing_server() -> str:
    """Say at the start that nothing will be told, since no server is named as it should be."""
    named = "names no tracking server" if os.environ.get(URI_VARIABLE) else "is not set"
    return (
        f"train.watch is mlflow, but {URI_VARIABLE} {named}, so that MLflow is told nothing. `segtrail export --to "
        "mlflow` brings the run there later."
    )
