"""Commands on the record of a run: verify, seal."""

from pathlib import Path
from typing import Annotated

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.run_commands import Device, OutputRoot, Run
from segtrail.cli.signing_commands import Key, sign_ended_run, signing_key
from segtrail.errors import CheckFailed


def verify(
    run: Run,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run's data set, to compare every file with its hash."),
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Segment and measure with best.pt again, and compare.")
    ] = False,
    fingerprint: Annotated[
        str | None,
        typer.Option(help="The fingerprint that was cited, to compare.", show_default=False),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help="The key that the run should be signed with.", show_default=False),
    ] = None,
    tsa_certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="PEM", help="The root certificate of the server that timestamped it.", show_default=False
        ),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A ledger that should hold its fingerprint.", show_default=False),
    ] = None,
    original: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="The run that a shared copy was made of, to compare.", show_default=False
        ),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the result in the run's addenda; else nothing is written.")
    ] = False,
    device: Device = "auto",
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Prove a run folder true, offline. Exit code 1 where a check failed."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.audit.verify import VerifyRequest, verify_run
        from segtrail.record.local_paths import recall_data_root
        from segtrail.record.run_folder import find_run

        folder = find_run(run, output_root.expanduser(), even_damaged=True, even_shared=True)
        root = data.expanduser() if data is not None else recall_data_root(folder.path) if rerun else None
        witnesses = (public_key, tsa_certificate, ledger)
        source = None if original is None else find_run(original, output_root.expanduser()).path
        request = VerifyRequest(root, rerun, device, fingerprint, *witnesses, source)
        narrator = narrator_for(as_json)
        verification = verify_run(folder.path, request, narrator)
        if as_json:
            print_json(verification.as_mapping(), answers)
        else:
            for line in verification.lines():
                typer.echo(line)
        if record:
            from segtrail.audit.verify import keep_verification

            narrator.say(f"Kept in {keep_verification(folder.path, verification)}")
    if not verification.is_true:
        raise typer.Exit(CheckFailed.exit_code)


def seal(run: Run, key: Key = None, output_root: OutputRoot = Path("outputs"), as_json: Json = False) -> None:
    """Make the report of a finished run and seal its folder, where that is not done; sign it where there is a key."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.record.run_folder import find_run

        folder = find_run(run, output_root.expanduser())

        from segtrail.experiment.seal_run import seal_later

        opened_key = signing_key(key)
        fingerprint = seal_later(folder, narrator_for(as_json))
        sign_ended_run(folder, opened_key, as_json)
        if as_json:
            print_json({"schema_version": 1, "run_id": folder.run_id, "fingerprint": fingerprint}, answers)
