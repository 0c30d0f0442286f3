"""Commands that give runs to others, and to other tools: export."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot
from segtrail.errors import CheckFailed, InputError


class Tool(StrEnum):
    """What a run is exported to."""

    MLFLOW = "mlflow"
    ONNX = "onnx"
    MONAI_BUNDLE = "monai-bundle"
    TENSORBOARD = "tensorboard"
    CROISSANT = "croissant"
    RO_CRATE = "ro-crate"


_WITH_DATA = frozenset({Tool.ONNX, Tool.CROISSANT})
_WITH_NETWORK = frozenset({Tool.ONNX, Tool.MONAI_BUNDLE})


def export(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN...",
            help="A run folder, a run ID, or `latest`; several for MLflow.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        Tool | None, typer.Option("--to", help="The tool that the run is for.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder in which what is made is to lie.", show_default=False),
    ] = None,
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
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="MLflow's tracking server; default: MLFLOW_TRACKING_URI.",
            show_default=False,
        ),
    ] = None,
    artifact_root: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Where files of a new experiment lie, when the tracking server is a database.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the run's data set lies now; default: where this machine last saw it.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All runs of --output-root, to MLflow.")] = False,
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Give a run to others with --share, or to another tool with --to."""
    problems: dict[str, str] = {}
    with sentences_for_errors(as_json) as answers:
        names = runs or []
        if share == (to is not None):
            raise InputError(
                "What is to be made of the run? --share makes a copy for use elsewhere, --to TOOL one for a tool: "
                f"{', '.join(Tool)}."
            )
        _refuse_idle(to, {"--tracking-uri": tracking_uri, "--artifact-root": artifact_root, "--all": every})
        if data is not None and to not in _WITH_DATA:
            raise InputError("--data goes with --to onnx and croissant alone. Take it out.")
        root = output_root.expanduser()
        if share:
            _share(
                _only(names, "--share"),
                root,
                _place(output),
                (with_weights, with_code, with_description),
                recipient,
                as_json,
                answers,
            )
        elif to is Tool.MLFLOW:
            problems = _to_mlflow(
                _folders(names, every, root), tracking_uri, artifact_root, with_weights, as_json, answers
            )
        elif to is not None:
            run = _only(names, f"--to {to}")
            _to_folder(run, root, to, _place(output), data and data.expanduser(), as_json, answers)
    if problems:
        lines = "\n".join(f"  {name}: {why}" for name, why in problems.items())
        typer.echo(f"Error: These runs were not exported:\n{lines}", err=True)
        raise typer.Exit(CheckFailed.exit_code)


def _share(
    run: str,
    root: Path,
    output: Path,
    choices: tuple[bool, bool, bool],
    recipient: str | None,
    as_json: bool,
    answers: TextIO,
) -> None:
    from segtrail.export.share_run import ShareRequest, share_run
    from segtrail.record.run_folder import find_trained_run
    from segtrail.sharing.terms import Choices

    folder = find_trained_run(run, root, even_shared=True)
    request = ShareRequest(output, Choices(*choices), recipient)
    shared = share_run(folder.path, request, narrator_for(as_json))
    if as_json:
        print_json(shared.as_mapping(), answers)
    else:
        for line in shared.lines():
            typer.echo(line)


def _to_mlflow(
    folders: Sequence[Path],
    tracking_uri: str | None,
    artifact_root: str | None,
    with_weights: bool,
    as_json: bool,
    answers: TextIO,
) -> dict[str, str]:
    """Export runs to MLflow; return those that could not be read, with the reason."""
    from segtrail.export.mlflow.export_runs import export_runs
    from segtrail.export.mlflow.tracking_server import TrackingServer, given_uri

    server = TrackingServer(given_uri(tracking_uri), artifact_root)
    result = export_runs(folders, server, with_weights, narrator_for(as_json))
    if as_json:
        print_json(result.as_mapping(), answers)
    else:
        for run in result.runs:
            typer.echo(run.line())
    return result.problems


def _to_folder(
    run: str, root: Path, to: Tool, output: Path, data: Path | None, as_json: bool, answers: TextIO
) -> None:
    """Make the folder that a tool takes."""
    from segtrail.export.made_folder import make_folder
    from segtrail.record.run_folder import find_run, find_trained_run

    find = find_trained_run if to in _WITH_NETWORK else find_run
    folder = find(run, root, even_shared=True).path

    def fill(target: Path) -> dict[str, Any]:
        return _fill(folder, to, target, data, as_json)

    name = f"{folder.name}_{to.replace('-', '_')}"
    made = make_folder(output, name, folder, fill, _room_bytes(folder, to))
    if as_json:
        told = {"to": str(to), "run_id": folder.name, "folder": str(made.path), "written": made.is_new}
        print_json({"schema_version": 1, **told, "facts": made.facts}, answers)
    else:
        there = "" if made.is_new else " (it was there already, and is the same)"
        typer.echo(f"{made.path}{there}")


def _room_bytes(folder: Path, to: Tool) -> int:
    """Return the room that an export takes which copies the run; the others are small."""
    if to is not Tool.RO_CRATE:
        return 0
    from segtrail.export.ro_crate.export_crate import room_of_crate

    return room_of_crate(folder)


def _fill(folder: Path, to: Tool, target: Path, data: Path | None, as_json: bool) -> dict[str, Any]:
    """Write the files of an export, and return facts about them."""
    if to is Tool.ONNX:
        from segtrail.export.to_onnx import export_onnx

        return export_onnx(folder, target, data, narrator_for(as_json))
    if to is Tool.TENSORBOARD:
        from segtrail.export.to_tensorboard import export_tensorboard

        return export_tensorboard(folder, target)
    if to is Tool.CROISSANT:
        from segtrail.export.to_croissant import export_croissant

        return export_croissant(folder, target, data)
    if to is Tool.RO_CRATE:
        from segtrail.export.ro_crate.export_crate import export_ro_crate

        return export_ro_crate(folder, target)
    from segtrail.export.monai_bundle.export_bundle import export_monai_bundle

    return export_monai_bundle(folder, target)


def _folders(names: Sequence[str], every: bool, root: Path) -> list[Path]:
    """Find the runs that are named, or all.

    Raises:
        InputError: None is named, or there is none.
    """
    from segtrail.record.run_folder import find_run

    if every == bool(names):
        raise InputError("Which runs? Name one or more, or take --all.")
    if not every:
        return list(dict.fromkeys(find_run(name, root, even_shared=True).path for name in names))
    found = sorted(path.parent for path in (root / "runs").glob("run_*/run.json"))
    if not found:
        raise InputError(f"There is no run in {root / 'runs'} yet. Train one, or give --output-root.")
    return found


def _only(names: Sequence[str], what: str) -> str:
    if len(names) != 1:
        raise InputError(f"{what} takes one run; {len(names) or 'none'} were named.")
    return names[0]


def _place(output: Path | None) -> Path:
    if output is None:
        raise InputError("Where is it to lie? Name a folder with --output DIR.")
    return output.expanduser()


def _refuse_idle(to: Tool | None, options: dict[str, Any]) -> None:
    """Refuse options that nothing would be done with."""
    idle = [name for name, value in options.items() if value]
    if idle and to is not Tool.MLFLOW:
        raise InputError(f"{idle[0]} goes with --to mlflow alone. Take it out.")
