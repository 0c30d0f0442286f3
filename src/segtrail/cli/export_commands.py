"""Commands that give runs to others: export."""

from pathlib import Path
from typing import Annotated

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot, Run
from segtrail.errors import InputError


def export(
    run: Run,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder in which the copy is to lie.")],
    share: Annotated[
        bool,
        typer.Option(
            "--share", help="A copy for use elsewhere: pseudonyms, no hashes of data, no free texts."
        ),
    ] = False,
    with_weights: Annotated[
        bool, typer.Option("--with-weights", help="Take the network along; it may hold traces of images.")
    ] = False,
    with_code: Annotated[
        bool, typer.Option("--with-code", help="Take code.zip along, your own code in it as it is.")
    ] = False,
    with_description: Annotated[
        bool,
        typer.Option(
            "--with-description", help="Take along what dataset.json says in words, its licence too."
        ),
    ] = False,
    recipient: Annotated[
        str | None,
        typer.Option(
            metavar="WHO",
            help="Whom it is for: each gets pseudonyms of their own. Noted in the run alone.",
            show_default=False,
        ),
    ] = None,
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Make a copy of a sealed run for use outside the hospital; the same run gives the same bytes."""
    with sentences_for_errors(as_json) as answers:
        if not share:
            raise InputError("What is to be made of the run? --share makes a copy for use elsewhere.")

        from segtrail.export.share_run import ShareRequest, share_run
        from segtrail.record.run_folder import find_trained_run
        from segtrail.sharing.terms import Choices

        folder = find_trained_run(run, output_root.expanduser(), even_shared=True)
        choices = Choices(with_weights, with_code, with_description)
        request = ShareRequest(output.expanduser(), choices, recipient)
        shared = share_run(folder.path, request, narrator_for(as_json))
        if as_json:
            print_json(shared.as_mapping(), answers)
        else:
            for line in shared.lines():
                typer.echo(line)
