"""Training with the code that a run keeps, in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from segtrail.errors import InputError, Interrupted, SegtrailError, TrainingFailed
from segtrail.provenance.code_archive import FILE_NAME, OWN, PROGRAM
from segtrail.provenance.folder import FOLDER
from segtrail.stop_request import stopped_by_sigterm

# Far more than any sources take.
_LIMIT_BYTES = 200_000_000


def train_with_archived_code(run_dir: Path, arguments: Sequence[str], python: Path | None) -> Path:
    """Train with the sources in ``code.zip`` of a run; what it says goes to this program's error stream.

    Args:
        run_dir: The run whose code is used; it is run, so it has to be trusted.
        arguments: The arguments of ``segtrail train``.
        python: The Python of the environment to use; None for this one.

    Returns:
        The folder of the new run.

    Raises:
        InputError: The run keeps no code, or its archive is not one that segtrail wrote.
        TrainingFailed: The training did not end well.
        Interrupted: The user stopped it.
    """
    with _unpacked(run_dir) as folder:
        folders = [str(folder / name) for name in (PROGRAM, OWN)]
        command = [str(python or sys.executable), "-m", "segtrail", "train", *arguments, "--json"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONSAFEPATH": "1"}
        code, answer = _run(command, folder / OWN, environment)
        if code == Interrupted.exit_code:
            raise Interrupted(f"The code of {run_dir.name} was stopped; what it said stands above.")
        if code != 0:
            raise TrainingFailed(
                f"The code of {run_dir.name} ended with exit code {code}; what it said stands above."
            )
        return _run_dir_in(answer, run_dir.name)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, bytes]:
    """Run a program and return how it ended and what it answered; who stops this one stops it too, in good order."""
    try:
        process = subprocess.Popen(  # noqa: S603, the user trusts the code, and no shell reads the words
            command, cwd=folder, env=environment, stdout=subprocess.PIPE
        )
    except OSError as error:
        raise InputError(f"{command[0]} can't be started: {error.strerror}.") from None
    with process, stopped_by_sigterm():
        try:
            answer, _ = process.communicate()
        except KeyboardInterrupt:
            process.terminate()
            answer, _ = process.communicate()
    return process.returncode, answer


def _run_dir_in(answer: bytes, run_id: str) -> Path:
    try:
        return Path(json.loads(answer)["run_dir"])
    except (ValueError, LookupError, TypeError):
        raise SegtrailError(f"The code of {run_id} gave no answer that can be read.") from None


@contextmanager
def _unpacked(run_dir: Path) -> Iterator[Path]:
    archive = run_dir / FOLDER / FILE_NAME
    if not archive.is_file():
        raise InputError(
            f"{run_dir.name} was made by a version that kept no code, so it can't be trained again from its folder. "
            "Install that version."
        )
    with tempfile.TemporaryDirectory(prefix="segtrail-code-") as folder:
        try:
            with zipfile.ZipFile(archive) as opened:
                _refuse_unsafe(opened)
                opened.extractall(folder)  # every name was looked at
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise InputError(f"{FOLDER}/{FILE_NAME} of {run_dir.name} can't be unpacked: {error}.") from None
        (Path(folder) / OWN).mkdir(exist_ok=True)
        yield Path(folder)


def _refuse_unsafe(opened: zipfile.ZipFile) -> None:
    total = 0
    for entry in opened.infolist():
        path = PurePosixPath(entry.filename)
        is_inside = not path.is_absolute() and ".." not in path.parts and path.parts[0] in (PROGRAM, OWN)
        if not is_inside or "\\" in entry.filename or ":" in entry.filename:
            raise InputError(
                f"{FILE_NAME} holds {entry.filename}, which no code archive holds. It is not used."
            )
        total += entry.file_size
    if total > _LIMIT_BYTES:
        raise InputError(f"{FILE_NAME} holds {total:,} bytes, more than any code takes. It is not used.")
