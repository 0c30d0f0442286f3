"""What the file system refused, told with the command that goes on afterwards."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from segtrail.errors import InputError
from segtrail.record.run_folder import RunFolder
from segtrail.shell_words import quoted


@contextmanager
def told_of_disk(folder: RunFolder) -> Iterator[None]:
    """Say what the file system refused, with the command that goes on with the run.

    Raises:
        InputError: In place of an ``OSError``.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read the output has seen enough
    except OSError as error:
        raise InputError(describe_with_way_on(folder, error)) from error


def describe_with_way_on(folder: RunFolder, error: OSError) -> str:
    """Say what was refused while a run was written, and how to go on with it."""
    way_on = f"`segtrail resume {quoted(folder.path)}` then goes on with the run."
    return describe_os_error(error, f"Free some space; {way_on}", f"Put that right; {way_on}")


def describe_os_error(error: OSError, if_full: str, otherwise: str) -> str:
    """Say what was refused, and what to do where the disk is full or else."""
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full ({what}). {if_full}"
    return f"A file that the run needs can't be read or written ({what}). {otherwise}"
