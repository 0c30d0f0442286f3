"""Commands on runs: evaluate, predict, report."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.errors import CheckFailed, InputError

Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a run ID, or `latest`.")]
OutputRoot = Annotated[Path, typer.Option(help="Folder whose runs/ is searched for IDs and `latest`.")]
Device = Annotated[str, typer.Option(help="auto, cpu, mps, cuda or cuda:N.")]
Checkpoint = Annotated[str, typer.Option(help="best or last.")]


def evaluate(
    run: Run,
    dataset: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATASET",
            help="Folder with a dataset.json, or that file; default: the data set of the run itself.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the run's own data set lies now.")
    ] = None,
    checkpoint: Checkpoint = "best",
    cases: Annotated[str, typer.Option(help="Names of the cases, separated by commas; default: all.")] = "",
    save: Annotated[
        bool, typer.Option("--save", help="Keep table and predictions in RUN/evaluations.")
    ] = False,
    device: Device = "auto",
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Measure a run's network on a data set; the run is not touched without --save."""
    with sentences_for_errors(as_json) as answers:
        which = _known_checkpoint(checkpoint)

        from segtrail.record.run_folder import find_trained_run

        folder = find_trained_run(run, output_root)

        from segtrail.experiment.evaluate_run import EvaluationRequest, evaluate_run
        from segtrail.record.local_paths import find_data_root

        if dataset is not None and data is not None:
            raise InputError(
                f"Both DATASET ({dataset}) and --data ({data}) are given; only one is measured on."
            )
        request = EvaluationRequest(
            dataset=(dataset or data or find_data_root(folder.path)).expanduser(),
            checkpoint=which,
            cases=[case.strip() for case in cases.split(",") if case.strip()],
            device=device,
            save=save,
        )
        answer = evaluate_run(folder, request, narrator_for(as_json))
        if as_json:
            print_json(answer, answers)
        else:
            _print_evaluation(answer)


def predict(
    run: Run,
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="NIfTI files, folders of them, or a data set."),
    ],
    output: Annotated[str, typer.Option(metavar="DIR", help="Folder for the predictions.")],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Keep the probabilities of all classes too.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make all again, whatever lies in the folder.")
    ] = False,
    checkpoint: Checkpoint = "best",
    device: Device = "auto",
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Segment new images with a run's network: label maps, volumes, pictures and a record."""
    with sentences_for_errors(as_json) as answers:
        which = _known_checkpoint(checkpoint)

        from segtrail.record.run_folder import find_trained_run

        folder = find_trained_run(run, output_root, even_shared=True)

        from segtrail.prediction.predict_run import PredictionRequest, predict_run

        if not output.strip():  # an unset variable of the shell; a path of it would be the current folder
            raise InputError("--output is empty; name a folder for the predictions.")
        request = PredictionRequest(inputs, Path(output), probabilities, overwrite, which, device)
        result = predict_run(folder, request, narrator_for(as_json))
        failure = {"error": result.failure, "exit_code": 1} if result.failure else {}
        if as_json:
            print_json({**result.record, "skipped": list(result.skipped), **failure}, answers)
        else:
            for line in result.table():
                typer.echo(line)
    if result.failure:
        typer.echo(f"Error: {result.failure}", err=True)
        raise typer.Exit(CheckFailed.exit_code)


def report(
    run: Run,
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Make the report of a run again, as PDF and as web page, from the run folder alone."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.record.run_folder import find_run

        folder = find_run(run, output_root)

        from segtrail.report.make import make_reports
        from segtrail.report.typeset import NO_TYPST

        reports = make_reports(folder.path)
        if reports.pdf is None:
            raise InputError(f"{reports.web_page} was made. {NO_TYPST}")
        if as_json:
            paths = {"report": str(reports.pdf), "web_page": str(reports.web_page)}
            print_json({"schema_version": 1, "run_id": folder.run_id, **paths}, answers)
        else:
            typer.echo(f"Report: {reports.pdf}")
            typer.echo(f"Report: {reports.web_page}")


def _known_checkpoint(name: str) -> Literal["best", "last"]:
    if name not in ("best", "last"):
        raise InputError(f"--checkpoint is {name!r}; expected best or last.")
    return "best" if name == "best" else "last"


def _print_evaluation(answer: dict[str, Any]) -> None:
    for row in answer["cases"]:
        values = ", ".join(
            f"{name} {row[name]:.4g}"
            for name in row
            if isinstance(row[name], float) and not name.endswith("_percent")
        )
        typer.echo(f"{row['case']} ({row['split']}), {row['class']}: {values}, {row['status']}")
    for split, classes in answer["summary_by_split"].items():
        for name, summary in classes.items():
            mean = summary["metrics"]["dice"]["mean"]
            value = "undefined" if mean is None else f"{mean:.4f}"
            typer.echo(f"{split}, {name}: mean Dice {value}, n {summary['n']}, failed {summary['n_failed']}")
