"""Commands that show runs in a browser: serve."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from segtrail.cli.answers import narrator_for, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot
from segtrail.errors import InputError

_PACKAGES = ("starlette", "uvicorn", "jinja2")


def serve(
    output_root: OutputRoot = Path("outputs"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of this machine; 0 for any that is free.")
    ] = 8765,
    name: Annotated[
        str | None,
        typer.Option(help="Who looks, for the journal of the cases that are viewed.", show_default=False),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Show all runs in a web page of this machine: table, curves, comparison, and a viewer of every case."""
    with sentences_for_errors(as_json=False):
        missing = [package for package in _PACKAGES if importlib.util.find_spec(package) is None]
        if missing:
            raise InputError(
                f"`segtrail serve` needs {', '.join(missing)}, which this installation does not have. "
                'Install them with: pip install "segtrail[serve]"'
            )

        from segtrail.record.statement import require_line
        from segtrail.web.serve import serve_runs

        actor = None if name is None else require_line(name, "--name", 200)
        serve_runs(output_root.expanduser(), port, actor, browser, narrator_for(as_json=False))
