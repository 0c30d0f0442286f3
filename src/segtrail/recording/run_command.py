"""Running a command: what it says goes to the terminal and to the log, signals go on to it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from segtrail.errors import InputError
from segtrail.stop_request import StopRequest, listen_for_stop

_PIECE_BYTES = 1 << 16
_POLL_SECONDS = 0.5
# How long a command that was asked to stop may take before segtrail stops waiting for what it still says.
_SILENCE_SECONDS = 10.0


@dataclass(frozen=True)
class CommandEnd:
    """How a command ended.

    Attributes:
        exit_code: What it returned; negative for the signal that ended it.
        stopped_by: The signal that segtrail was asked to stop with; None where nobody did.
        seconds: Time on the clock.
        cpu_seconds: Processor time of the command and of the processes that it waited for.
        peak_memory_bytes: The most memory that it and its processes were seen to hold.
    """

    exit_code: int
    stopped_by: str | None
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int

    def describe(self) -> str:
        """Say it in words."""
        if self.stopped_by is not None:
            return f"{self.stopped_by} came"
        if self.exit_code < 0:
            return f"the command was ended by {_name_of_signal(-self.exit_code)}"
        return f"the command ended with exit code {self.exit_code}"


def run_command(
    command: Sequence[str],
    program: Path,
    environment: Mapping[str, str],
    hear: Callable[[bytes], None],
) -> CommandEnd:
    """Run a command to its end in the present folder.

    Ctrl-C and SIGTERM are passed on to it; what it says from then on is still heard.

    Args:
        command: The command with its arguments.
        program: Where its program lies.
        environment: Its environment variables.
        hear: Gets what it prints on standard output and standard error, in pieces, from another thread.

    Returns:
        How it ended.

    Raises:
        InputError: It can't be started.
    """
    started, started_cpu = time.perf_counter(), _cpu_of_children()
    with listen_for_stop() as stop:
        process = _start(command, program, environment)
        listener = threading.Thread(target=_listen, args=(process.stdout, hear), daemon=True)
        listener.start()
        peak = _wait(process, stop)
        listener.join(_SILENCE_SECONDS)  # a process that it left behind may hold the pipe for ever
        if process.stdout is not None and not listener.is_alive():
            process.stdout.close()
    return CommandEnd(
        process.returncode,
        stop.reason,
        round(time.perf_counter() - started, 3),
        round(_cpu_of_children() - started_cpu, 3),
        peak,
    )


def _start(
    command: Sequence[str], program: Path, environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603, running the user's command is what this is for
            [str(program), *command[1:]],
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own, so that Ctrl-C reaches it once: from here.
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError as error:
        raise InputError(
            f"{program} can't be started: {error.strerror or error}. Is it a program for this machine?"
        ) from None


def _listen(stream: IO[bytes] | None, hear: Callable[[bytes], None]) -> None:
    assert stream is not None
    while piece := os.read(stream.fileno(), _PIECE_BYTES):
        hear(piece)


def _wait(process: "subprocess.Popen[bytes]", stop: StopRequest) -> int:
    """Wait for the end of a process, pass signals on to it, and return the most memory that it was seen to hold."""
    passed_on, peak = False, 0
    while True:
        try:
            process.wait(_POLL_SECONDS)
            return peak
        except subprocess.TimeoutExpired:
            peak = max(peak, _memory_of(process.pid))
        except KeyboardInterrupt:  # a second Ctrl-C
            _kill(process)
        if stop and not passed_on:
            passed_on = True
            _pass_on(process, stop.reason)


def _pass_on(process: "subprocess.Popen[bytes]", reason: str | None) -> None:
    if os.name == "nt":
        process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
    else:
        _signal_group(process, signal.SIGINT if reason == "Ctrl-C" else signal.SIGTERM)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if os.name == "nt":
        process.kill()
    else:
        _signal_group(process, signal.SIGKILL)


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    if sys.platform != "win32":
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            process.poll()


def _memory_of(pid: int) -> int:
    try:
        parent = psutil.Process(pid)
        processes = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


def _cpu_of_children() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
