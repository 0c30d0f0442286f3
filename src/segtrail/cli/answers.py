"""How every command speaks: progress, one JSON object, a sentence and an exit code for each error."""

import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, TextIO

import typer

from segtrail.errors import InputError, Interrupted, SegtrailError
from segtrail.stop_request import stopped_by_sigterm

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on standard output.")]


def narrator_for(as_json: bool) -> Any:
    """Return who says what happens: on standard error when standard output is kept for JSON."""
    from segtrail.progress import Narrator

    return Narrator(sys.stderr if as_json else sys.stdout)


def print_json(value: dict[str, Any], stream: TextIO) -> None:
    """Print the one JSON object of a command."""
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False), file=stream)


@contextmanager
def sentences_for_errors(as_json: bool) -> Iterator[TextIO]:
    """Turn errors into a sentence and an exit code; SIGTERM ends a command as Ctrl-C does.

    Yields:
        Where the answer belongs. With ``--json`` nothing else comes there: what a network or transform of the
        user's own prints goes to standard error.
    """
    answers = sys.stdout
    try:
        with stopped_by_sigterm(), redirect_stdout(sys.stderr if as_json else answers):
            yield answers
    except SegtrailError as error:
        raise typer.Exit(end_with(str(error), error.exit_code, as_json)) from None
    except KeyboardInterrupt as interrupt:
        reason = f"{str(interrupt) or 'Ctrl-C came'}."
        raise typer.Exit(end_with(reason, Interrupted.exit_code, as_json)) from None
    except BrokenPipeError:
        raise  # whoever read the output has seen enough; typer ends quietly
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            what = f"{error.filename}: {error.strerror}. Look at the path, its rights and the disk."
            raise typer.Exit(end_with(what, InputError.exit_code, as_json)) from None
        if isinstance(error, OSError) and error.strerror is not None:
            what = f"A file can't be read or written: {error.strerror}. Look at the disk."
            raise typer.Exit(end_with(what, InputError.exit_code, as_json)) from None
        if isinstance(error, RuntimeError) and "home directory" in str(error):  # what Path.expanduser raises
            what = "A path begins with ~ and the name of a user that this machine does not know. Write it in full."
            raise typer.Exit(end_with(what, InputError.exit_code, as_json)) from None
        traceback.print_exc()
        what = f"{type(error).__name__}: {error}. segtrail did not expect this; please report it with the lines above."
        raise typer.Exit(end_with(what, 1, as_json)) from None


def end_with(message: str, exit_code: int, as_json: bool) -> int:
    """Say why a command ends, as the one JSON object too where that was asked for."""
    typer.echo(f"Error: {message}", err=True)
    if as_json:
        print_json({"schema_version": 1, "error": message, "exit_code": exit_code}, sys.stdout)
    return exit_code
