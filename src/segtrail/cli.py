"""The commands; each is a few lines that call the package, with heavy imports inside."""

import json
import os
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import typer

from segtrail.errors import CheckFailed, InputError, Interrupted, SegtrailError
from segtrail.stop_request import stopped_by_sigterm
from segtrail.version import __version__

app = typer.Typer(
    name="segtrail",
    help="Train 3D segmentation networks on medical images, and keep every run as a record.",
    pretty_exceptions_enable=False,
    add_completion=True,
)

data_app = typer.Typer(help="Get public data sets.")
app.add_typer(data_app, name="data")

# A wrong command line; typer names only this subclass in every version.
_USAGE_ERROR: Any = typer.BadParameter.__base__

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on standard output.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a run ID, or `latest`.")]
OutputRoot = Annotated[Path, typer.Option(help="Folder whose runs/ is searched for IDs and `latest`.")]
Device = Annotated[str, typer.Option(help="auto, cpu, mps, cuda or cuda:N.")]


def main(arguments: list[str] | None = None) -> None:
    """Run the program.

    Args:
        arguments: The command line without the program's name; default: the process's own.
    """
    # cuBLAS reads this when it starts; it has to be there before torch is imported.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may not be UTF-8
            stream.reconfigure(encoding="utf-8", errors="replace")
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(args=arguments, prog_name="segtrail", standalone_mode=False)
    except _USAGE_ERROR as error:
        code = _end(f"{error.format_message()} `segtrail --help` shows what there is.", 2, as_json)
    except typer.Abort:
        code = _end("Ctrl-C came.", Interrupted.exit_code, as_json)
    sys.exit(code if isinstance(code, int) else 0)


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def check(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Folder with a dataset.json, or that file.")
    ],
    full: Annotated[
        bool, typer.Option("--full", help="Read every file again, also those that have not changed.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for report and pictures; default: OUTPUT_ROOT/checks/NAME."),
    ] = None,
    output_root: Annotated[Path, typer.Option(help="Folder for what commands write.")] = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Check a data set, and make a report of one page with a picture of every case."""
    with _sentences_for_errors(as_json) as answers:
        from segtrail.config.schema import DataConfig
        from segtrail.experiment.check_data import CheckRequest, check_data

        dataset = dataset.expanduser()
        # Not Path's own is_file and resolve, which raise where they may not look and at a link to itself.
        folder = dataset.parent if os.path.isfile(dataset) else dataset  # noqa: PTH113
        name = Path(os.path.realpath(folder)).name
        request = CheckRequest(
            dataset=dataset,
            output=output or output_root / "checks" / name,
            scan_folder=output_root / "cache" / "scans",
            config=DataConfig(read_all=full),
        )
        answer = check_data(request, _narrator(as_json))
        if as_json:
            _print_json({**answer, "folder": str(request.output)}, answers)
    if answer["status"] == "failed":
        typer.echo("Error: The data set has errors, which stop training.", err=True)
        raise typer.Exit(1)


@app.command()
def train(
    config_file: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="The configuration file.", show_default=False)
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY.SUB=VALUE", help="Keys to change for this run.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="The configuration file, as the runbook gives it.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the data lie, in place of paths.data_root.")
    ] = None,
    note: Annotated[str, typer.Option(help="A remark for the record.")] = "",
    as_json: Json = False,
) -> None:
    """Train a network and leave a complete run folder."""
    with _sentences_for_errors(as_json) as answers:
        config, changes = _config_and_changes(config, config_file, overrides or [])

        from segtrail.config.load import load_config
        from segtrail.record.local_paths import fill_in_placeholders

        moved = [] if data is None else [f"paths.data_root={json.dumps(str(data), ensure_ascii=False)}"]
        changed = {change.partition("=")[0].strip() for change in [*changes, *moved]}
        settings = fill_in_placeholders(load_config(config, [*changes, *moved]), config, changed)

        from segtrail.experiment.train_run import train_run

        options = [*(["--data", str(data)] if data else []), *(["--note", note] if note else [])]
        command = ["segtrail", "train", str(config), *changes, *options]
        run = train_run(settings, _narrator(as_json), note, command)
        if as_json:
            result = {
                "schema_version": 1,
                "run_id": run.folder.run_id,
                "run_dir": str(run.folder.path),
                "status": "finished",
                "metrics": run.summary,
            }
            _print_json(result, answers)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder with images and their labels.")],
    images: Annotated[
        str | None, typer.Option(metavar="GLOB", help='Which files are images, as "*_t1.nii.gz".')
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="GLOB", help='Which files are labels, as "*_seg.nii.gz".')
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set; default: the folder's.")] = None,
    label_names: Annotated[
        str, typer.Option(help='Names of the label values 1, 2, ..., as "left atrium,aorta".')
    ] = "",
    channels: Annotated[
        str, typer.Option(help='Names of the channels, as "T1,T2"; files of one case may end so.')
    ] = "",
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Configuration to write; default: NAME.yaml here.")
    ] = None,
    renumber: Annotated[
        bool, typer.Option("--renumber", help="Copy label maps whose values leave gaps, numbered 1, 2, 3.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over files that are there; the old are kept beside.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a dataset.json and a commented configuration for a folder of images and labels."""
    with _sentences_for_errors(as_json) as answers:
        from segtrail.onboarding import initialise
        from segtrail.onboarding.request import InitRequest

        request = InitRequest(
            folder=folder.expanduser(),
            images=images,
            labels=labels,
            name=name,
            label_names=_words_of(label_names),
            channels=_words_of(channels),
            config=config,
            renumber=renumber,
            overwrite=overwrite,
        )
        answer = initialise.initialise(
            request, _narrator(as_json), None if yes else _confirm, sys.stdin.isatty()
        )
        if as_json:
            _print_json(answer, answers)
        else:
            typer.echo("Next:")
            typer.echo(f"  segtrail check {shlex.quote(str(request.folder))}")
            typer.echo(f"  segtrail train {shlex.quote(answer['config'])}")


@app.command()
def report(
    run: Run,
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Make the PDF report of a run again, from the run folder alone."""
    with _sentences_for_errors(as_json) as answers:
        from segtrail.record.run_folder import find_run

        folder = find_run(run, output_root)

        from segtrail.report.make import make_report

        path = make_report(folder.path)
        if as_json:
            _print_json({"schema_version": 1, "run_id": folder.run_id, "report": str(path)}, answers)
        else:
            typer.echo(f"Report: {path}")


@app.command()
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
    checkpoint: Annotated[str, typer.Option(help="best or last.")] = "best",
    cases: Annotated[str, typer.Option(help="Names of the cases, separated by commas; default: all.")] = "",
    save: Annotated[
        bool, typer.Option("--save", help="Keep table and predictions in RUN/evaluations.")
    ] = False,
    device: Device = "auto",
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Measure a run's network on a data set; the run is not touched without --save."""
    with _sentences_for_errors(as_json) as answers:
        which = _known_checkpoint(checkpoint)

        from segtrail.record.run_folder import find_run

        folder = find_run(run, output_root)

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
        answer = evaluate_run(folder, request, _narrator(as_json))
        if as_json:
            _print_json(answer, answers)
        else:
            _print_evaluation(answer)


@app.command()
def predict(
    run: Run,
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="NIfTI files, folders of them, or a data set."),
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the predictions.")],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Keep the probabilities of all classes too.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make all again, whatever lies in the folder.")
    ] = False,
    checkpoint: Annotated[str, typer.Option(help="best or last.")] = "best",
    device: Device = "auto",
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Segment new images with a run's network: label maps, volumes, pictures and a record."""
    with _sentences_for_errors(as_json) as answers:
        which = _known_checkpoint(checkpoint)

        from segtrail.record.run_folder import find_run

        folder = find_run(run, output_root)

        from segtrail.experiment.predict_run import PredictionRequest, predict_run

        request = PredictionRequest(inputs, output, probabilities, overwrite, which, device)
        result = predict_run(folder, request, _narrator(as_json))
        failure = {"error": result.failure, "exit_code": 1} if result.failure else {}
        if as_json:
            _print_json({**result.record, "skipped": list(result.skipped), **failure}, answers)
        else:
            for line in result.table():
                typer.echo(line)
    if result.failure:
        typer.echo(f"Error: {result.failure}", err=True)
        raise typer.Exit(CheckFailed.exit_code)


@app.command()
def doctor(output_root: OutputRoot = Path("outputs"), as_json: Json = False) -> None:
    """Look at this machine: torch, GPU, cores, memory, disk, and what to do about what is missing."""
    with _sentences_for_errors(as_json) as answers:
        from segtrail.doctor import examine

        diagnoses = examine(output_root)
        if as_json:
            entries = [diagnosis.as_mapping() for diagnosis in diagnoses]
            _print_json({"schema_version": 1, "diagnoses": entries}, answers)
        else:
            for diagnosis in diagnoses:
                remedy = f" {diagnosis.remedy}" if diagnosis.remedy else ""
                typer.echo(f"{diagnosis.status:8} {diagnosis.subject}: {diagnosis.finding}.{remedy}")
    if any(diagnosis.status == "problem" for diagnosis in diagnoses):
        raise typer.Exit(1)


@data_app.callback(invoke_without_command=True)
def _data(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@data_app.command()
def download(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="A task of the decathlon: Task02_Heart, Task02 or 2.")
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder in which the task's folder is to lie.")
    ] = Path("data"),
    url: Annotated[
        str | None,
        typer.Option(help="Another mirror: the address of its folder or of the archive.", show_default=False),
    ] = None,
    md5: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="MD5 of an archive that was repacked.", show_default=False),
    ] = None,
    keep_archive: Annotated[
        bool, typer.Option("--keep-archive", help="Keep the downloaded archive beside the folder.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download, verify and unpack a data set of the Medical Segmentation Decathlon."""
    with _sentences_for_errors(as_json) as answers:
        from segtrail.download.task import download_task, request_task

        wanted = request_task(task, to.expanduser(), url, md5, keep_archive)
        arrival = download_task(wanted, _narrator(as_json))
        if as_json:
            _print_json(arrival.as_json(), answers)
        else:
            typer.echo(arrival.as_text())


def _known_checkpoint(name: str) -> Literal["best", "last"]:
    if name not in ("best", "last"):
        raise InputError(f"--checkpoint is {name!r}; expected best or last.")
    return "best" if name == "best" else "last"


def _config_and_changes(
    option: Path | None, argument: str | None, overrides: list[str]
) -> tuple[Path, list[str]]:
    """Tell the configuration file from the overrides; the runbook gives it as an option."""
    if option is not None:
        return option, [*([argument] if argument else []), *overrides]
    if argument is None or "=" in argument:
        raise InputError("Which configuration? For example: segtrail train configs/quick.yaml")
    return Path(argument), overrides


def _words_of(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _confirm(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None


def _narrator(as_json: bool) -> Any:
    from segtrail.progress import Narrator

    return Narrator(sys.stderr if as_json else sys.stdout)


def _print_json(value: dict[str, Any], stream: TextIO) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False), file=stream)


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


@contextmanager
def _sentences_for_errors(as_json: bool) -> Iterator[TextIO]:
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
        raise typer.Exit(_end(str(error), error.exit_code, as_json)) from None
    except KeyboardInterrupt as interrupt:
        reason = f"{str(interrupt) or 'Ctrl-C came'}."
        raise typer.Exit(_end(reason, Interrupted.exit_code, as_json)) from None
    except BrokenPipeError:
        raise  # whoever read the output has seen enough; typer ends quietly
    except Exception as error:
        traceback.print_exc()
        what = f"{type(error).__name__}: {error}. segtrail did not expect this; please report it with the lines above."
        raise typer.Exit(_end(what, 1, as_json)) from None


def _end(message: str, exit_code: int, as_json: bool) -> int:
    """Say why a command ends, as the one JSON object too where that was asked for."""
    typer.echo(f"Error: {message}", err=True)
    if as_json:
        _print_json({"schema_version": 1, "error": message, "exit_code": exit_code}, sys.stdout)
    return exit_code


if __name__ == "__main__":
    main()
