"""Every command that the documents show is one that the program takes."""

import importlib
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segtrail.record import run_folder
from segtrail.record.run_series import SeriesFolder

Command = Callable[..., Any]
REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?:bash|powershell)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def documented_commands() -> list[list[str]]:
    """Collect the commands of all code blocks; a line ending in a backslash or backtick goes on."""
    found: list[list[str]] = []
    for document in DOCUMENTS:
        for block in BLOCK.findall(document.read_text(encoding="utf-8")):
            for line in re.sub(r"[\\`]\n\s*", "", block).splitlines():
                for part in re.split(r"&&|;|\{|\}", line.partition(" #")[0]):
                    words = shlex.split(part)
                    if words and words not in found:
                        found.append(words)
    return found


def as_arguments(words: list[str]) -> list[str] | None:
    """Translate a documented command into arguments of the program; None for commands of other programs."""
    if words[0] == "segtrail":
        return words[1:]
    if words[:3] == ["python", "-m", "src.train"]:
        return ["train", *words[3:]]
    if words[:2] == ["python", "scripts/04_make_pdf_report.py"]:
        return ["report", words[words.index("--run_dir") + 1]]
    return None


COMMANDS = [arguments for words in documented_commands() if (arguments := as_arguments(words)) is not None]

# The functions that do a command's work, by module, and the command.
WORK = {
    "experiment.train_run": {"train_run": "train"},
    "audit.verify": {"verify_run": "verify"},
    "seed_series.repeat_seeds": {"repeat_with_seeds": "seeds", "resume_seeds": "seeds --resume"},
    "reproduction.reproduce": {"reproduce_run": "reproduce"},
    "run_comparison.make_comparison": {"make_comparison": "compare"},
    "record.signing_key": {"make_key": "keys new"},
    "record.signature": {"sign_run": "sign"},
    "record.timestamp": {"request_timestamp": "timestamp"},
    "record.ledger": {"anchor_run": "anchor"},
    "recording.record_training": {"record_training": "record"},
    "experiment_log.make_log": {"make_log": "log"},
    "web.serve": {"serve_runs": "serve"},
    "run_index.index": {"Database": "runs"},
    "record.notes": {"write_note": "note"},
    "record.signoff": {"sign_off": "signoff"},
    "tagging.tag_run": {"tag_run": "tag"},
    "experiment.seal_run": {"seal_later": "seal"},
    "archive.archive_run": {"archive_run": "archive"},
    "archive.restore_run": {"restore_run": "restore"},
    "export.share_run": {"share_run": "export --share"},
    "export.made_folder": {"make_folder": "export --to onnx"},
    "export.mlflow.export_runs": {"export_runs": "export --to mlflow"},
    "experiment.resume_run": {"resume_run": "resume"},
    "experiment.extend_run": {"extend_run": "resume train.max_epochs"},
    "cross_validation.cross_validate": {"cross_validate": "cv", "resume_cross_validation": "cv --resume"},
    "experiment.evaluate_run": {"evaluate_run": "evaluate"},
    "prediction.predict_run": {"predict_run": "predict"},
    "experiment.check_data": {"check_data": "check"},
    "onboarding.initialise": {"initialise": "init"},
    "methods_text.text": {"methods_of_run": "methods"},
    "report.make": {"make_reports": "report"},
    "model_card.answers": {"read_answers": "card --answers"},
    "model_card.completion": {"latest_card": "card"},
    "record.uses_of_test_set": {"find_uses": "test-uses"},
    "doctor": {"examine": "doctor"},
    "download.task": {"download_task": "data download"},
}


def test_the_documents_show_every_command() -> None:
    assert {
        "check",
        "train",
        "resume",
        "verify",
        "archive",
        "restore",
        "record",
        "export",
        "compare",
        "runs",
        "log",
        "serve",
        "note",
        "signoff",
        "tag",
        "cv",
        "init",
        "report",
        "evaluate",
        "predict",
        "doctor",
        "data",
    } <= {arguments[0] for arguments in COMMANDS}


@pytest.mark.requirement("DOC-01")
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_documented_command_is_understood(
    arguments: list[str], segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []

    def stop_at(name: str) -> Callable[..., None]:
        def stop(*_: object, **__: object) -> None:
            reached.append(name)
            sys.exit(0)

        return stop

    # All are imported before one is changed: a module imported later would keep what stands in its place for good.
    stopped = {segtrail_module(module): functions for module, functions in WORK.items()}
    monkeypatch.chdir(REPOSITORY)
    for module, functions in stopped.items():
        for function, name in functions.items():
            monkeypatch.setattr(module, function, stop_at(name))
    monkeypatch.setattr(SeriesFolder, "find", lambda *_: None)
    monkeypatch.setattr(run_folder, "find_run", lambda *_, **__: run_folder.RunFolder(REPOSITORY))
    monkeypatch.setattr(run_folder.RunFolder, "read_state", lambda _: {})
    monkeypatch.setattr(segtrail_module("audit.verify"), "require_whole", lambda _: None)
    monkeypatch.setattr(segtrail_module("record.seal"), "require_seal", lambda _: None)
    monkeypatch.setattr(
        segtrail_module("export.mlflow.tracking_server"), "TrackingServer", lambda *_: object()
    )
    monkeypatch.setattr(segtrail_module("cli.export_commands"), "_folders", lambda *_: [REPOSITORY])
    monkeypatch.setattr(segtrail_module("cli.signing_commands"), "signing_key", lambda _: object())
    monkeypatch.setattr(segtrail_module("cli.signing_commands"), "_new_passphrase", lambda _: None)
    monkeypatch.setattr(
        segtrail_module("record.local_paths"), "fill_in_placeholders", lambda config, *_: config
    )
    monkeypatch.setattr(segtrail_module("record.local_paths"), "find_data_root", lambda _: REPOSITORY)
    made_by_a_command = re.compile(r".*config_resolved\.yaml|[^/]+\.yaml")
    arguments = ["configs/quick.yaml" if made_by_a_command.fullmatch(word) else word for word in arguments]
    result = segtrail(*arguments)
    assert result.exit_code == 0, result.stderr
    assert reached or {"--help", "--version"} & set(arguments)


def segtrail_module(name: str) -> Any:
    return importlib.import_module(f"segtrail.{name}")
