"""The command that searches all runs: runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from segtrail.cli.answers import Json, print_json, sentences_for_errors
from segtrail.errors import InputError


def runs(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SEARCH]...",
            help="What runs must match, between quotation marks, since a shell takes < and > for itself: "
            '"dice>0.8 model=dynunet since=2026-01 rotation -failed".',
            show_default=False,
        ),
    ] = None,
    output_root: Annotated[Path, typer.Option(help="Folder whose runs/ is searched.")] = Path("outputs"),
    sort: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column to sort by, the greatest first.")
    ] = "created",
    ascending: Annotated[bool, typer.Option("--ascending", help="Sort the least first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many runs to show at most.")] = 50,
    show_all: Annotated[bool, typer.Option("--all", help="Show all, whatever --limit says.")] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns by name, as folder,dice,seed; with a plus each, as +seed,+device, beside the usual ones.",
            show_default=False,
        ),
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write the runs to this file as CSV.", show_default=False),
    ] = None,
    index_folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the index is kept, on a local disk; default: the user's cache folder.",
            show_default=False,
        ),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Throw the index away and read all runs again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Search all runs by their results, settings and notes; sort them, print them or write them to a file."""
    with sentences_for_errors(as_json) as answers:
        if as_json and csv_file is not None:
            raise InputError("--json and --csv are given; only one of them is made.")

        from segtrail.experiment_log.column_choice import choose_columns
        from segtrail.progress import Narrator
        from segtrail.run_index.index import RunIndex
        from segtrail.run_index.indexed_run import COLUMNS
        from segtrail.run_index.search import Search
        from segtrail.run_index.show_runs import USUAL, as_csv, as_mapping, print_runs, summary_lines

        is_for_programs = as_json or csv_file is not None
        chosen = choose_columns(columns, list(COLUMNS.values()) if is_for_programs else USUAL, COLUMNS)
        _warn_of_shell(words or [])
        search = Search(" ".join(words or []), sort, not ascending, None if show_all else limit)
        with RunIndex.open(output_root.expanduser(), index_folder and index_folder.expanduser()) as index:
            (index.rebuild if rebuild else index.refresh)(Narrator(sys.stderr))
            found = index.find(search)
        if found.n_indexed == 0:
            raise InputError(
                f"There is no run in {output_root / 'runs'} yet. Train one, or give --output-root."
            )
        if as_json:
            print_json(as_mapping(found, chosen), answers)
            return
        if csv_file is not None:
            _write(csv_file.expanduser(), as_csv(found.runs, chosen))
        elif found.runs:
            print_runs(found.runs, chosen, answers)
        for line in summary_lines(found):
            typer.echo(line, err=True)


def _warn_of_shell(words: list[str]) -> None:
    """Say what happened where a shell has taken ``dice>0.8`` for a file to write to."""
    from segtrail.run_index.indexed_run import COLUMNS

    alone = next((word for word in words if word in COLUMNS and COLUMNS[word].is_number), None)
    if alone is not None and not sys.stdout.isatty():
        typer.echo(
            f"{alone} is searched as a word. If you wrote {alone}>..., the shell made a file of it: put the search "
            "between quotation marks.",
            err=True,
        )


def _write(path: Path, text: str) -> None:
    from segtrail.atomic import write_bytes

    try:
        write_bytes(path, text.encode("utf-8"))
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}.") from None
    typer.echo(f"Written: {path}")
