"""Commands on several runs: compare."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot
from segtrail.errors import InputError

if TYPE_CHECKING:
    from segtrail.run_comparison.comparison import RunComparison


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Run folders, run IDs, or `latest`; the others are compared with the first.",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Folder for comparison.pdf, comparison.html, comparison.json and comparison_cases.csv.",
            show_default=False,
        ),
    ] = None,
    side: Annotated[
        str | None,
        typer.Option(
            help="val or test; default: test cases where all runs have some in common, else validation cases.",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Metrics to test, as dice,hd95_mm, or all; default: Dice, the first NSD and HD95.",
            show_default=False,
        ),
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the data set lies now, for the pictures; default: where this machine last saw it.",
            show_default=False,
        ),
    ] = None,
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Compare runs: what differs, and paired differences over the cases that all measured. Runs are not touched."""
    with sentences_for_errors(as_json) as answers:
        which = _known_side(side)

        from segtrail.record.run_folder import find_run
        from segtrail.run_comparison.make_comparison import ComparisonRequest, make_comparison
        from segtrail.run_comparison.wording import cautions, conclusions

        if output is not None and not output.strip():  # an unset variable of the shell
            raise InputError("--output is empty; name a folder for the comparison.")
        folders = [find_run(run, output_root.expanduser()).path for run in runs]
        chosen = [column.strip() for column in metrics.split(",") if column.strip()]
        comparison = make_comparison(ComparisonRequest(folders, which, chosen))
        folder = None if output is None else Path(output).expanduser()
        if folder is not None:
            from segtrail.run_comparison.write_comparison import write_comparison

            write_comparison(comparison, folder, data and data.expanduser(), narrator_for(as_json))
        if as_json:
            mapping = comparison.as_mapping(conclusions(comparison), cautions(comparison))
            print_json({**mapping, "output": output}, answers)
        else:
            _print(comparison, folder)


def _print(comparison: "RunComparison", folder: Path | None) -> None:
    from segtrail.run_comparison.terminal import print_comparison

    print_comparison(comparison, narrator_for(as_json=False))
    if folder is not None:
        typer.echo(f"Comparison: {folder / 'comparison.html'}")


def _known_side(name: str | None) -> Literal["val", "test"] | None:
    if name not in (None, "val", "test"):
        raise InputError(f"--side is {name!r}; expected val or test.")
    return "val" if name == "val" else "test" if name == "test" else None
