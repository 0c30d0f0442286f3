"""Asking git, so that its answers mean the same on every machine."""

import os
import subprocess
from pathlib import Path

_SECONDS = 60


class NoGitError(Exception):
    """git is missing or does not answer; the text says which."""


def ask_git(folder: Path, *arguments: str, text: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run git in a folder.

    Args:
        folder: The folder.
        arguments: What git is asked, without ``git``.
        text: What it reads.

    Returns:
        How it ended, and what it said, in English.

    Raises:
        NoGitError: It can't be started, or gives no answer.
    """
    try:
        return subprocess.run(  # noqa: S603, no shell reads the words
            ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments],  # noqa: S607, wherever it is
            cwd=folder,
            input=text,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C", "LANGUAGE": ""},
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise NoGitError("git is not installed here") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoGitError(f"git gave no answer: {type(error).__name__}") from None
