"""The Python that a command runs with, and what is installed there."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.errors import InputError

# Programs of packages that are worth a line of their own, as in every run.
_TOLD_OF = ("torch", "monai", "nnunetv2", "numpy", "scipy", "nibabel", "SimpleITK")
_PYTHON = re.compile(r"(python|pypy)[0-9.]*(\.exe)?", re.IGNORECASE)
_QUESTION = (
    "import json, platform, sys; print(json.dumps({'path': [p for p in sys.path if p], "
    "'version': platform.python_version(), 'implementation': platform.python_implementation(), "
    "'compiler': platform.python_compiler()}))"
)
_LONGEST_FIRST_LINES_BYTES = 4096
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Interpreter:
    """A Python.

    Attributes:
        path: Its program.
        version: Its version.
        implementation: CPython or another.
        compiler: What it was built with.
        search_path: Where it looks for modules.
    """

    path: Path
    version: str
    implementation: str
    compiler: str
    search_path: tuple[str, ...]

    def as_mapping(self) -> dict[str, str]:
        """Return it as ``provenance.json`` has it."""
        return {"version": self.version, "implementation": self.implementation, "compiler": self.compiler}


def find_program(name: str) -> Path:
    """Find the program of a command, as the shell does.

    Raises:
        InputError: There is none.
    """
    found = shutil.which(name)
    if found is None:
        raise InputError(
            f"The command {name} is not found. Write it as you would in the shell, behind `segtrail record --`."
        )
    return Path(found)


def find_python(program: Path) -> Path | None:
    """Find the Python that runs a program.

    Args:
        program: Python itself, or a script that names it in its first lines, as those of packages do.

    Returns:
        Its path; None where the program is no Python.
    """
    if _PYTHON.fullmatch(program.name):
        return program
    if program.suffix.lower() == ".exe":  # the launcher of a package on Windows
        beside = program.with_name("python.exe")
        return beside if beside.is_file() else None
    named = _named_in(_first_lines(program))
    return None if named is None or not _PYTHON.fullmatch(named.name) else named


def ask_python(python: Path) -> Interpreter:
    """Ask a Python for its version and where it looks for modules.

    Raises:
        InputError: It gives no answer.
    """
    try:
        done = subprocess.run(  # noqa: S603, the program that the user runs anyway
            [str(python), "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=True,
            encoding="utf-8",
        )
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(f"{python} gives no answer as a Python ({reason}). Name it with --python.") from None
    return Interpreter(
        python, told["version"], told["implementation"], told["compiler"], tuple(told.pop("path"))
    )


def told_of(packages: dict[str, str]) -> dict[str, str]:
    """Choose the packages that a report tells of, from versions by lower-case name."""
    return {name: packages[name.lower()] for name in _TOLD_OF if name.lower() in packages}


def _first_lines(program: Path) -> list[str]:
    try:
        with program.open("rb") as stream:
            return stream.read(_LONGEST_FIRST_LINES_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return []


def _named_in(lines: list[str]) -> Path | None:
    """Read the interpreter of a script; installers write long paths as a line of the shell's."""
    if not lines or not lines[0].startswith("#!"):
        return None
    words = lines[0].removeprefix("#!").split()
    if words and os.path.basename(words[0]) == "env":  # noqa: PTH119, a path of another system's form
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        found = shutil.which(words[0]) if words else None
        return None if found is None else Path(found)
    if words and words[0].endswith("/sh") and len(lines) > 1 and lines[1].startswith("'''exec'"):
        words = re.findall(r'"([^"]+)"|(\S+)', lines[1].removeprefix("'''exec'"))[:1]
        return Path("".join(words[0])) if words else None
    return Path(words[0]) if words else None
