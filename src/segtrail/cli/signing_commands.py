"""Commands that let others witness a run: keys new, sign, timestamp, anchor."""

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot, Run
from segtrail.errors import InputError
from segtrail.record.signing_key import KeyKind

if TYPE_CHECKING:
    from segtrail.record.run_folder import RunFolder
    from segtrail.record.signing_key import SigningKey

Key = Annotated[
    Path | None,
    typer.Option(
        metavar="PEM", help="The private key; default: the one of `segtrail keys new`.", show_default=False
    ),
]
# A passphrase is no setting: a program that starts segtrail without a terminal gives it here.
_VARIABLE = "SEGTRAIL_KEY_PASSPHRASE"

keys_app = typer.Typer(help="Keys that sign runs.")


@keys_app.command("new")
def new_key(
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the keys; default: your own settings folder."),
    ] = None,
    kind: Annotated[
        KeyKind,
        typer.Option(help="p256: the model-signing tool takes it as well; ed25519: only segtrail does."),
    ] = KeyKind.P256,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Protect the private key with a passphrase, asked for.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a pair of keys; every run that ends from then on is signed with the private one."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.record.signing_key import make_key

        folder = (to or _settings_folder()).expanduser()
        private, public = make_key(folder, kind, _new_passphrase(passphrase))
        if as_json:
            print_json({"schema_version": 1, "private_key": str(private), "public_key": str(public)}, answers)
        else:
            typer.echo(f"Private key, to be kept: {private}")
            typer.echo(f"Public key, to be given to others: {public}")


def sign(run: Run, key: Key = None, output_root: OutputRoot = Path("outputs"), as_json: Json = False) -> None:
    """Sign a sealed run."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.record.run_folder import find_run
        from segtrail.record.signature import sign_run

        folder = find_run(run, output_root.expanduser(), even_shared=True)
        from segtrail.audit.verify import require_whole

        opened = signing_key(key)
        if opened is None:
            raise InputError("There is no key. Make one with `segtrail keys new`, or name one with --key.")
        require_whole(folder.path)
        path = sign_run(folder.path, opened, folder.read_state().get("operator"))
        if as_json:
            print_json({"schema_version": 1, "run_id": folder.run_id, "signature": str(path)}, answers)
        else:
            typer.echo(f"Signature: {path}")


def timestamp(
    run: Run,
    server: Annotated[str, typer.Option(metavar="URL", help="A timestamp server (RFC 3161).")],
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Have a server state that the seal of a run exists now; only a hash is sent."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.audit.verify import require_whole
        from segtrail.record.run_folder import find_run
        from segtrail.record.timestamp import request_timestamp

        folder = find_run(run, output_root.expanduser())
        require_whole(folder.path)
        path = request_timestamp(folder.path, server, folder.read_state().get("operator"))
        if as_json:
            print_json({"schema_version": 1, "run_id": folder.run_id, "timestamp": str(path)}, answers)
        else:
            typer.echo(f"Timestamp: {path}")


def anchor(
    run: Run,
    ledger: Annotated[Path, typer.Option(metavar="FILE", help="A ledger that is kept elsewhere, or in git.")],
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Append the fingerprint of a sealed run to a ledger."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.audit.verify import require_whole
        from segtrail.record.ledger import anchor_run
        from segtrail.record.run_folder import find_run

        folder = find_run(run, output_root.expanduser())
        require_whole(folder.path)
        fingerprint = anchor_run(folder.path, ledger.expanduser(), folder.read_state().get("operator"))
        if as_json:
            print_json({"schema_version": 1, "run_id": folder.run_id, "fingerprint": fingerprint}, answers)
        else:
            typer.echo(f"{ledger} holds {fingerprint} of {folder.run_id}")


def signing_key(given: Path | None) -> "SigningKey | None":
    """Open the key that is given, or the user's own; None where there is none.

    Raises:
        InputError: It can't be used, or its passphrase can't be asked for.
    """
    from segtrail.record.signing_key import PRIVATE_NAME, is_encrypted, open_key

    path = given.expanduser() if given is not None else _settings_folder() / PRIVATE_NAME
    if given is None and not path.is_file():
        return None
    passphrase = _known_passphrase(path) if is_encrypted(path) else None
    return open_key(path, passphrase)


def sign_ended_run(folder: "RunFolder", key: "SigningKey | None", as_json: bool) -> None:
    """Sign a sealed run, where there is a key and no signature."""
    from segtrail.record.signature import is_signed, sign_run

    if key is None or is_signed(folder.path):
        return
    path = sign_run(folder.path, key, folder.read_state().get("operator"))
    narrator_for(as_json).say(f"Signature: {path}", logged=False)


def _settings_folder() -> Path:
    return Path(typer.get_app_dir("segtrail"))


def _new_passphrase(wanted: bool) -> bytes | None:
    if not wanted:
        return None
    given = os.environ.get(_VARIABLE)
    if given is None:
        given = _ask("Passphrase for the new key: ")
        if given != _ask("The same again: "):
            raise InputError("The two passphrases differ. No key was made.")
    if not given:
        raise InputError("The passphrase is empty. No key was made.")
    return given.encode("utf-8")


def _known_passphrase(path: Path) -> bytes:
    given = os.environ.get(_VARIABLE)
    return (_ask(f"Passphrase of {path}: ") if given is None else given).encode("utf-8")


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        raise InputError(f"The key has a passphrase, which can't be asked for here. Give it in {_VARIABLE}.")
    return getpass.getpass(question)
