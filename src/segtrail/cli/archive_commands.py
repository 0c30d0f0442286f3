"""Commands on archives of runs: archive, restore."""

from pathlib import Path
from typing import Annotated

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot, Run
from segtrail.errors import InputError


def archive(
    run: Run,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder in which the archive is to lie.")],
    with_data: Annotated[
        bool,
        typer.Option("--with-data", help="Archive the data set too, each file once for all archives there."),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the data lie; default: where this machine last saw them."),
    ] = None,
    retention: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="How it is to be kept, in words of your own.", show_default=False),
    ] = None,
    keep_until: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="Until when it is to be kept.", show_default=False),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Write another archive beside one that holds something else.")
    ] = False,
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Archive a sealed run in one file; the same run gives the same bytes."""
    with sentences_for_errors(as_json) as answers:
        if data is not None and not with_data:
            raise InputError("--data says where the data lie, but they are archived only with --with-data.")

        from segtrail.archive.archive_run import ArchiveRequest, archive_run
        from segtrail.archive.description import make_retention
        from segtrail.record.run_folder import find_run

        kept = make_retention(retention, keep_until)
        folder = find_run(run, output_root.expanduser())
        root = None if data is None else data.expanduser()
        request = ArchiveRequest(to.expanduser(), kept, with_data, root, again)
        archived = archive_run(folder.path, request, narrator_for(as_json))
        if as_json:
            print_json(archived.as_mapping(), answers)
        else:
            for line in archived.lines():
                typer.echo(line)


def restore(
    file: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="A file that `segtrail archive` has written.")
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="Output folder; the run comes to runs/ in it.")
    ] = Path("outputs"),
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Lay out the data set too, from beside the archive.")
    ] = False,
    data_to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the data set; default: data/RUN_ID in the output folder.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring an archived run back, and verify it."""
    with sentences_for_errors(as_json) as answers:
        if data_to is not None and not with_data:
            raise InputError(
                "--data-to says where the data come to, but they are restored only with --with-data."
            )

        from segtrail.archive.restore_run import RestoreRequest, restore_run

        root = None if data_to is None else data_to.expanduser()
        request = RestoreRequest(to.expanduser(), with_data, root)
        restored = restore_run(file.expanduser(), request, narrator_for(as_json))
        if as_json:
            print_json(restored.as_mapping(), answers)
        else:
            for line in restored.lines():
                typer.echo(line)
