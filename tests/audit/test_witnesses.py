"""Signature, timestamp and ledger tell a run that was written anew as a whole, which its own hashes can't."""

import http.server
import json
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tampering import append, chain_anew, edit_text

from run_copies import copy_run
from segtrail.cli import signing_commands

Command = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run that a test may change."""
    return copy_run(quick_run_dir, tmp_path / quick_run_dir.name)


@pytest.fixture
def keys(request: pytest.FixtureRequest, tmp_path: Path, segtrail: Command) -> dict[str, Path]:
    """A pair of keys, of the kind that a test asks for."""
    kind = ["--kind", request.param] if hasattr(request, "param") else []
    result = segtrail("keys", "new", "--to", tmp_path / "keys", *kind, "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    return {"private": Path(answer["private_key"]), "public": Path(answer["public_key"])}


@pytest.fixture
def signed(run: Path, keys: dict[str, Path], segtrail: Command) -> Path:
    result = segtrail("sign", run, "--key", keys["private"])
    assert result.exit_code == 0, result.stderr
    return run


def write_anew(run: Path) -> None:
    """Change the log and make every hash of the folder fit again, as its owner can."""
    chain_anew(run, edit_text("train.log", "train", "Train"))


def statuses(answer: str) -> dict[str, str]:
    return {check["check"]: check["status"] for check in json.loads(answer)["checks"]}


def test_without_a_witness_a_run_written_anew_passes(run: Path, segtrail: Command) -> None:
    """The docs say so plainly."""
    write_anew(run)
    assert segtrail("verify", run).exit_code == 0


@pytest.mark.requirement("VER-04")
@pytest.mark.parametrize("keys", ["p256", "ed25519"], indirect=True)
def test_a_signed_run_passes_and_one_written_anew_does_not(
    signed: Path, keys: dict[str, Path], segtrail: Command
) -> None:
    result = segtrail("verify", signed, "--public-key", keys["public"], "--json")
    assert result.exit_code == 0, result.stdout
    assert statuses(result.stdout)["signature"] == "pass"
    write_anew(signed)
    result = segtrail("verify", signed, "--public-key", keys["public"], "--json")
    assert result.exit_code == 1
    assert statuses(result.stdout)["signature"] == "fail"
    assert "train.log is not the file that was signed" in result.stdout


@pytest.mark.parametrize("keys", ["p256", "ed25519"], indirect=True)
@pytest.mark.parametrize("others", ["p256", "ed25519"])
def test_the_signature_of_another_key_is_refused(
    signed: Path, others: str, tmp_path: Path, segtrail: Command
) -> None:
    segtrail("keys", "new", "--to", tmp_path / "others", "--kind", others)
    result = segtrail("verify", signed, "--public-key", tmp_path / "others" / "signing_key.pub.pem")
    assert result.exit_code == 1
    assert "was not made with the key signing_key.pub.pem" in result.stdout


@pytest.mark.parametrize("keys", ["p256", "ed25519"], indirect=True)
def test_a_signature_of_edited_hashes_is_refused(
    signed: Path, keys: dict[str, Path], segtrail: Command
) -> None:
    import base64

    path = signed / "addenda" / "signature.sigstore.json"
    bundle = json.loads(path.read_text(encoding="utf-8"))
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    payload["predicate"]["resources"][0]["digest"] = "0" * 64
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    path.write_text(json.dumps(bundle), encoding="utf-8")
    result = segtrail("verify", signed, "--public-key", keys["public"])
    assert result.exit_code == 1
    assert "or was changed" in result.stdout


def test_a_run_without_signature_fails_where_a_key_is_given(
    run: Path, keys: dict[str, Path], segtrail: Command
) -> None:
    result = segtrail("verify", run, "--public-key", keys["public"])
    assert result.exit_code == 1
    assert "the run is not signed" in result.stdout


def test_a_signed_run_with_other_line_ends_passes(
    signed: Path, keys: dict[str, Path], segtrail: Command
) -> None:
    for path in signed.rglob("*"):
        if path.suffix in (".csv", ".jsonl", ".log", ".yaml"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert segtrail("verify", signed, "--public-key", keys["public"]).exit_code == 0


def test_the_model_signing_tool_takes_the_signature(signed: Path, keys: dict[str, Path]) -> None:
    signature = signed / "addenda" / "signature.sigstore.json"
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(signed)]
    options = ["--signature", str(signature), "--public_key", str(keys["public"])]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (signed / "train.log").write_text("changed", encoding="utf-8")
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode != 0


def test_a_run_is_signed_once(signed: Path, keys: dict[str, Path], segtrail: Command) -> None:
    result = segtrail("sign", signed, "--key", keys["private"])
    assert result.exit_code == 2
    assert "is signed already" in result.stderr


def test_a_key_is_not_overwritten_and_only_its_owner_reads_it(
    keys: dict[str, Path], segtrail: Command
) -> None:
    assert stat.S_IMODE(keys["private"].stat().st_mode) == 0o600 or sys.platform == "win32"
    before = keys["private"].read_bytes()
    result = segtrail("keys", "new", "--to", keys["private"].parent)
    assert result.exit_code == 2
    assert "There is a key already" in result.stderr
    assert keys["private"].read_bytes() == before


def test_a_run_is_signed_with_an_ed25519_key_that_has_a_passphrase(
    run: Path, tmp_path: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGTRAIL_KEY_PASSPHRASE", "right")
    segtrail("keys", "new", "--kind", "ed25519", "--passphrase", "--to", tmp_path / "keys")
    key, public = tmp_path / "keys" / "signing_key.pem", tmp_path / "keys" / "signing_key.pub.pem"
    assert segtrail("sign", run, "--key", key).exit_code == 0
    assert segtrail("verify", run, "--public-key", public).exit_code == 0


def test_a_key_of_another_kind_is_refused(run: Path, tmp_path: Path, segtrail: Command) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path / "p384.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    result = segtrail("sign", run, "--key", path)
    assert result.exit_code == 2
    assert "is of another kind" in result.stderr


def test_a_passphrase_is_asked_for_and_a_wrong_one_told_before_training(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGTRAIL_KEY_PASSPHRASE", "right")
    assert segtrail("keys", "new", "--passphrase", "--to", tmp_path / "keys").exit_code == 0
    key = tmp_path / "keys" / "signing_key.pem"
    monkeypatch.setenv("SEGTRAIL_KEY_PASSPHRASE", "wrong")
    result = segtrail("train", tiny_config, "--key", key)
    assert result.exit_code == 2
    assert "the passphrase is wrong" in result.stderr
    assert not (tmp_path / "outputs").exists()
    monkeypatch.delenv("SEGTRAIL_KEY_PASSPHRASE")
    assert "which can't be asked for here" in segtrail("train", tiny_config, "--key", key).stderr


def test_a_training_with_a_key_ends_signed(
    tmp_path: Path,
    tiny_config: Path,
    keys: dict[str, Path],
    segtrail: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signing_commands, "_settings_folder", lambda: keys["private"].parent)
    result = segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false")
    assert "Signature: " in result.stdout
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert segtrail("verify", run, "--public-key", keys["public"]).exit_code == 0


def test_the_runs_of_a_cross_validation_with_a_key_end_signed(
    tmp_path: Path, tiny_config: Path, keys: dict[str, Path], segtrail: Command
) -> None:
    changes = ["split.val=null", "train.max_epochs=1", "report.enabled=false"]
    result = segtrail("cv", tiny_config, *changes, "--folds", 2, "--key", keys["private"])
    assert result.exit_code == 0, result.stderr
    runs = list((tmp_path / "outputs" / "runs").iterdir())
    assert len(runs) == 2
    for run in runs:
        assert segtrail("verify", run, "--public-key", keys["public"]).exit_code == 0


def test_a_ledger_tells_a_run_written_anew(run: Path, tmp_path: Path, segtrail: Command) -> None:
    ledger = tmp_path / "ledger.jsonl"
    assert segtrail("anchor", run, "--ledger", ledger).exit_code == 0
    before = ledger.read_bytes()
    assert segtrail("anchor", run, "--ledger", ledger).exit_code == 0
    assert ledger.read_bytes() == before
    assert segtrail("verify", run, "--ledger", ledger).exit_code == 0
    write_anew(run)
    result = segtrail("verify", run, "--ledger", ledger)
    assert result.exit_code == 1
    assert "has the fingerprint" in result.stdout
    refused = segtrail("anchor", run, "--ledger", ledger)
    assert refused.exit_code == 2
    assert "has another fingerprint or seal of" in refused.stderr
    assert ledger.read_bytes() == before


def test_a_ledger_without_the_run_and_one_that_was_edited_are_told(
    run: Path, staged_run_dir: Path, tmp_path: Path, segtrail: Command
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    assert segtrail("anchor", staged_run_dir, "--ledger", ledger).exit_code == 0
    assert "has no fingerprint of" in segtrail("verify", run, "--ledger", ledger).stdout
    assert segtrail("anchor", run, "--ledger", ledger).exit_code == 0
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(lines[1])
    assert segtrail("verify", run, "--ledger", ledger).exit_code == 1


def test_a_ledger_and_a_signature_tell_a_report_that_was_forged(
    run: Path, keys: dict[str, Path], tmp_path: Path, segtrail: Command
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    assert segtrail("anchor", run, "--ledger", ledger).exit_code == 0
    assert segtrail("sign", run, "--key", keys["private"]).exit_code == 0
    chain_anew(run, append("report.pdf", b" "))
    shutil.rmtree(run / "addenda")
    assert segtrail("verify", run).exit_code == 0
    assert "has the fingerprint" in segtrail("verify", run, "--ledger", ledger).stdout
    assert segtrail("verify", run, "--public-key", keys["public"]).exit_code == 1


def test_a_file_that_is_no_ledger_is_left_as_it_is(run: Path, tmp_path: Path, segtrail: Command) -> None:
    notes = tmp_path / "notes.json"
    notes.write_text('{"important": true}', encoding="utf-8")
    result = segtrail("anchor", run, "--ledger", notes)
    assert result.exit_code == 2
    assert "is no ledger" in result.stderr
    assert notes.read_text(encoding="utf-8") == '{"important": true}'


def test_nobody_vouches_for_a_run_that_was_changed(
    run: Path, keys: dict[str, Path], tmp_path: Path, segtrail: Command
) -> None:
    (run / "train.log").write_text("All went well.", encoding="utf-8")
    for command in (
        ("sign", run, "--key", keys["private"]),
        ("anchor", run, "--ledger", tmp_path / "ledger.jsonl"),
        ("timestamp", run, "--server", "http://127.0.0.1:9"),
    ):
        result = segtrail(*command)
        assert result.exit_code == 1
        assert "is not what was sealed: train.log was" in result.stderr


def test_a_public_key_is_never_written_over(keys: dict[str, Path], segtrail: Command) -> None:
    keys["private"].unlink()
    before = keys["public"].read_bytes()
    assert segtrail("keys", "new", "--to", keys["public"].parent).exit_code == 2
    assert keys["public"].read_bytes() == before


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of a timestamp server, made with openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("authority")
    (folder / "openssl.cnf").write_text(OPENSSL_CONFIG.format(folder=folder.as_posix()), encoding="utf-8")
    (folder / "serial").write_text("01\n", encoding="utf-8")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -days 30 -keyout root.key -out root.pem -config openssl.cnf"
        " -extensions root -subj /CN=Root",
        "req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -config openssl.cnf -subj /CN=Timestamps",
        "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -extfile openssl.cnf"
        " -extensions tsa -out tsa.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder


OPENSSL_CONFIG = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
"""


@pytest.fixture
def server(authority: Path) -> Iterator[str]:
    """A timestamp server on this machine."""

    def reply(query: bytes) -> bytes:
        (authority / "query.tsq").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "openssl.cnf", "-section", "server"]
        subprocess.run(
            [*command, "-queryfile", "query.tsq", "-out", "answer.tsr"],
            cwd=authority,
            check=True,
            capture_output=True,
        )
        return (authority / "answer.tsr").read_bytes()

    with answering(reply) as address:
        yield address


@contextmanager
def answering(reply: Callable[[bytes], bytes]) -> Iterator[str]:
    """A server on this machine that answers what is posted to it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_a_timestamp_holds_and_not_of_a_run_written_anew(
    run: Path, authority: Path, server: str, segtrail: Command
) -> None:
    result = segtrail("timestamp", run, "--server", server)
    assert result.exit_code == 0, result.stderr
    certificate = ("--tsa-certificate", authority / "root.pem")
    result = segtrail("verify", run, *certificate)
    assert result.exit_code == 0, result.stdout
    assert " UTC" in result.stdout
    write_anew(run)
    assert segtrail("verify", run, *certificate).exit_code == 1


def test_an_answer_to_another_question_is_not_kept(
    run: Path, staged_run_dir: Path, authority: Path, server: str, tmp_path: Path, segtrail: Command
) -> None:
    other = copy_run(staged_run_dir, tmp_path / staged_run_dir.name)
    assert segtrail("timestamp", other, "--server", server).exit_code == 0
    answer = (authority / "answer.tsr").read_bytes()
    with answering(lambda _: answer) as deaf:
        result = segtrail("timestamp", run, "--server", deaf)
    assert result.exit_code == 2
    assert "answered another question" in result.stderr
    assert not list((run / "addenda").glob("*.tsr"))


def test_one_timestamp_that_holds_is_enough(
    run: Path, authority: Path, server: str, segtrail: Command
) -> None:
    assert segtrail("timestamp", run, "--server", server).exit_code == 0
    (run / "addenda" / "journal.jsonl").unlink()
    (run / "addenda" / "timestamp_bad.tsr").write_bytes(b"nothing")
    result = segtrail("verify", run, "--tsa-certificate", authority / "root.pem", "--json")
    assert statuses(result.stdout)["timestamp"] == "pass"
    assert "timestamp_bad.tsr" in result.stdout


def test_a_server_that_is_away_is_told(run: Path, segtrail: Command) -> None:
    result = segtrail("timestamp", run, "--server", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "can't be asked for a timestamp" in result.stderr
    assert "is no address of a timestamp server" in segtrail("timestamp", run, "--server", "file:///x").stderr
