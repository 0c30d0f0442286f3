"""Commands that train again to see whether a result stands: reproduce."""

from pathlib import Path
from typing import Annotated

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.given_config import Data
from segtrail.cli.run_commands import OutputRoot, Run
from segtrail.errors import CheckFailed


def reproduce(
    run: Run,
    data: Data = None,
    trust_code: Annotated[
        bool,
        typer.Option(
            "--trust-code",
            help="Run the code that the run keeps, where the present code is another. Only for runs that you trust.",
        ),
    ] = False,
    python: Annotated[
        Path | None,
        typer.Option(
            metavar="PYTHON",
            help="The Python of an environment to run that code in; default: this one.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, mps, cuda or cuda:N; default: the one on record.", show_default=False),
    ] = None,
    output_root: OutputRoot = Path("outputs"),
    record: Annotated[
        bool, typer.Option("--record", help="Keep the result in the addenda of the run that is repeated.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a run again from its folder alone, and compare every epoch and metric."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.record.run_folder import find_trained_run

        root = output_root.expanduser()
        folder = find_trained_run(run, root)

        from segtrail.reproduction.reproduce import (
            ReproductionRequest,
            keep_reproduction,
            reproduce_run,
        )

        request = ReproductionRequest(data, root, device, trust_code=trust_code, python=python)
        narrator = narrator_for(as_json)
        reproduction = reproduce_run(folder, request, narrator)
        if as_json:
            print_json(reproduction.as_mapping(), answers)
        else:
            for line in reproduction.lines():
                typer.echo(line)
        if record:
            narrator.say(f"Kept: {keep_reproduction(reproduction)}", logged=False)
    if not reproduction.is_as_promised:
        raise typer.Exit(CheckFailed.exit_code)
