"""Verifying a run finds every change of it, and has nothing to say of an honest one."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tampering import (
    TAMPERINGS,
    Change,
    chain_anew,
    change_weight,
    forge_bins,
    forge_calibration,
    forge_distances,
    replace_by,
)

from run_copies import copy_run
from segtrail.record.hashing import hash_file
from segtrail.record.journal import Journal
from segtrail.record.manifest import TEXT_SUFFIXES, fingerprint
from segtrail.training.checkpoint import hash_tensors

Command = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run that a test may change."""
    return copy_run(quick_run_dir, tmp_path / quick_run_dir.name)


def evidence(answer: str) -> str:
    return "\n".join(text for check in json.loads(answer)["checks"] for text in check["evidence"])


@pytest.mark.requirement("VER-01")
@pytest.mark.parametrize(
    ("change", "words"),
    [(change, words) for _, change, words in TAMPERINGS],
    ids=[name for name, _, _ in TAMPERINGS],
)
def test_a_change_is_found_and_named(run: Path, segtrail: Command, change: Change, words: str) -> None:
    change(run)
    result = segtrail("verify", run, "--json")
    assert result.exit_code == 1, result.stderr
    assert words in evidence(result.stdout)


def test_there_are_many_of_them() -> None:
    assert len(TAMPERINGS) >= 40


def test_a_lock_that_a_killed_program_left_is_no_addendum(
    quick_run_dir: Path, tmp_path: Path, segtrail: Command
) -> None:
    run = copy_run(quick_run_dir, tmp_path / quick_run_dir.name)
    (run / "addenda" / ".lock").touch()
    assert segtrail("verify", run).exit_code == 0


def test_an_honest_run_passes_every_check(quick_run_dir: Path, segtrail: Command) -> None:
    result = segtrail("verify", quick_run_dir, "--json")
    assert result.exit_code == 0, result.stdout
    answer = json.loads(result.stdout)
    assert answer["verdict"] == "pass"
    assert {check["check"]: check["status"] for check in answer["checks"]} == {
        "files": "pass",
        "journal": "pass",
        "seal": "pass",
        "addenda": "pass",
        "report": "pass",
        "configuration": "pass",
        "facts": "pass",
        "provenance": "pass",
        "history": "pass",
        "metrics": "pass",
        "calibration": "pass",
        "model_card": "pass",
        "methods": "pass",
        "data": "not checked",
        "rerun": "not checked",
    }
    points = [point["status"] for point in answer["checklist"]]
    assert points == ["pass"] * 5 + ["not checked"] * 2


def test_a_run_of_two_stages_passes_too(staged_run_dir: Path, segtrail: Command) -> None:
    assert segtrail("verify", staged_run_dir).exit_code == 0


def test_data_and_rerun_hold_to_the_last_bit(quick_run_dir: Path, segtrail: Command) -> None:
    result = segtrail(
        "verify", quick_run_dir, "--rerun", "--data", quick_run_dir.parents[2] / "data", "--json"
    )
    assert result.exit_code == 0, result.stdout
    assert "the description and all files of 5 cases have their hashes" in evidence(result.stdout)
    assert "bitwise: label maps and metrics of 3 cases are equal" in evidence(result.stdout)


def test_changed_data_are_named(tmp_path: Path, quick_run_dir: Path, segtrail: Command) -> None:
    data = Path(shutil.copytree(quick_run_dir.parents[2] / "data", tmp_path / "data"))
    shutil.copy(data / "labelsTr" / "case_1.nii.gz", data / "labelsTr" / "case_0.nii.gz")
    (data / "imagesTr" / "case_3.nii.gz").unlink()
    (data / "dataset.json").write_bytes((data / "dataset.json").read_bytes() + b" ")
    result = segtrail("verify", quick_run_dir, "--data", data, "--json")
    assert result.exit_code == 1
    assert "labelsTr/case_0.nii.gz is another file than the run read" in evidence(result.stdout)
    assert "imagesTr/case_3.nii.gz is missing" in evidence(result.stdout)
    assert "dataset.json is another file than the run read" in evidence(result.stdout)


@pytest.mark.requirement("VER-03")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (forge_distances, "the label map on record does not give the numbers of ball in metrics_cases.csv"),
        (
            replace_by("predictions/case_2.nii.gz", "predictions/case_3.nii.gz"),
            "case_2: the label map on record does not give the numbers of ball",
        ),
        (change_weight, "case_2: Dice differs by "),
        (forge_calibration, "case_2: best.pt does not give its calibration again"),
        (forge_bins, "ball, val: best.pt does not give its pooled calibration again"),
    ],
)
def test_a_rerun_finds_forged_results_even_where_all_hashes_fit(
    run: Path, quick_run_dir: Path, segtrail: Command, change: Change, words: str
) -> None:
    chain_anew(run, change)
    data = quick_run_dir.parents[2] / "data"
    assert segtrail("verify", run, "--data", data).exit_code == 0
    result = segtrail("verify", run, "--rerun", "--data", data, "--json")
    assert result.exit_code == 1
    assert words in evidence(result.stdout)


def test_what_is_not_what_was_sealed_is_not_run(run: Path, quick_run_dir: Path, segtrail: Command) -> None:
    (run / "notes.py").touch()
    result = segtrail("verify", run, "--rerun", "--data", quick_run_dir.parents[2] / "data", "--json")
    assert result.exit_code == 1
    assert "what is not what was sealed is not run" in evidence(result.stdout)


def test_a_rerun_without_data_is_refused(run: Path, segtrail: Command) -> None:
    result = segtrail("verify", run, "--rerun")
    assert result.exit_code == 2
    assert "--data DIR" in result.stderr


def test_what_a_file_browser_left_is_no_alarm(run: Path, segtrail: Command) -> None:
    (run / "examples" / ".DS_Store").touch()
    result = segtrail("verify", run)
    assert result.exit_code == 0
    assert "left by a file browser and no part of it: examples/.DS_Store" in result.stdout


@pytest.mark.parametrize("name", ["addenda/.DS_Store", "predictions/Thumbs.db"])
def test_what_a_file_browser_left_elsewhere_is_no_alarm_either(
    run: Path, segtrail: Command, name: str
) -> None:
    (run / name).touch()
    assert segtrail("verify", run).exit_code == 0


def test_an_addendum_that_was_written_over_is_named(run: Path, segtrail: Command) -> None:
    assert segtrail("verify", run, "--record").exit_code == 0
    (kept,) = (run / "addenda").glob("verification_*.json")
    kept.write_text("{}", encoding="utf-8")
    journal = Journal(run / "addenda" / "journal.jsonl", None)
    journal.write("verified", files={kept.name: hash_file(kept)})
    assert f"addenda/{kept.name} was written over" in segtrail("verify", run).stdout


def test_a_run_whose_journal_was_removed_is_not_sealed_again(run: Path, segtrail: Command) -> None:
    for name in ("journal.jsonl", "manifest.json", "report.pdf", "report.html"):
        (run / name).unlink()
    result = segtrail("seal", run)
    assert result.exit_code == 2
    assert "had a journal, which is gone" in result.stderr


def test_two_verifications_of_one_second_are_both_kept(run: Path, segtrail: Command) -> None:
    for _ in range(3):
        assert segtrail("verify", run, "--record").exit_code == 0
    assert len(list((run / "addenda").glob("verification_*.json"))) == 3
    assert segtrail("verify", run).exit_code == 0


def test_changed_addenda_are_named(run: Path, segtrail: Command) -> None:
    assert segtrail("verify", run, "--record").exit_code == 0
    (kept,) = (run / "addenda").glob("verification_*.json")
    kept.write_bytes(kept.read_bytes().replace(b'"pass"', b'"Pass"', 1))
    (run / "addenda" / "notes.md").touch()
    with (run / "addenda" / "journal.jsonl").open("ab") as stream:
        stream.write(b"approved")
    found = evidence(segtrail("verify", run, "--json").stdout)
    assert f"addenda/{kept.name} was edited" in found
    assert "addenda/notes.md is in no line of its journal" in found
    assert "8 bytes stand behind its last whole line" in found


def moved(run: Path) -> Path:
    return Path(shutil.move(run, run.parent / "elsewhere" / run.name))


def zipped(run: Path) -> Path:
    archive = shutil.make_archive(str(run.parent / "archive"), "zip", run.parent, run.name)
    shutil.rmtree(run)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(run.parent)
    return run


def with_other_line_ends(run: Path) -> Path:
    for path in run.rglob("*"):
        if path.suffix in TEXT_SUFFIXES:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return run


def renamed(run: Path) -> Path:
    return run.rename(run.with_name("a copy of the run"))


@pytest.mark.requirement("VER-02")
@pytest.mark.parametrize("treat", [moved, zipped, with_other_line_ends, renamed])
def test_honest_treatment_raises_no_alarm(
    run: Path, segtrail: Command, treat: Callable[[Path], Path]
) -> None:
    result = segtrail("verify", treat(run))
    assert result.exit_code == 0, result.stdout


def test_the_cited_fingerprint_is_compared(quick_run_dir: Path, segtrail: Command) -> None:
    cited = fingerprint(quick_run_dir)
    assert segtrail("verify", quick_run_dir, "--fingerprint", cited).exit_code == 0
    from_a_pdf = f" {cited[:50].upper()}\u200b{cited[50:]}"
    assert segtrail("verify", quick_run_dir, "--fingerprint", from_a_pdf).exit_code == 0
    result = segtrail("verify", quick_run_dir, "--fingerprint", "0" * 64)
    assert result.exit_code == 1
    assert "where 0000" in result.stdout


def test_the_fingerprint_stands_in_the_report_and_on_the_terminal(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    from pypdf import PdfReader

    result = segtrail("train", tiny_config, "train.max_epochs=1")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert f"Sealed, fingerprint {fingerprint(run)}" in result.stdout
    text = PdfReader(run / "report.pdf").pages[0].extract_text()
    assert fingerprint(run) in "".join(text.replace("\u200b", "").split())


def test_a_run_that_is_not_finished_does_not_hold(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.experiment import seal_run

    def refuse(_: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(seal_run, "make_reports", refuse)
    segtrail("train", tiny_config, "train.max_epochs=1")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert segtrail("verify", run).exit_code == 1
    monkeypatch.undo()
    assert segtrail("seal", run).exit_code == 0
    assert segtrail("verify", run).exit_code == 0
    again = segtrail("seal", run)
    assert again.exit_code == 2
    assert "is sealed already" in again.stderr


@pytest.mark.requirement("REC-03")
@pytest.mark.usefixtures("binding_permissions")
def test_a_sealed_run_is_read_only(quick_run_dir: Path) -> None:
    with pytest.raises(PermissionError):
        (quick_run_dir / "metrics_cases.csv").open("a")
    with pytest.raises(PermissionError):
        (quick_run_dir / "predictions" / "more.nii.gz").touch()


@pytest.mark.usefixtures("drawn_anew")
@pytest.mark.requirement("REC-07")
def test_a_report_made_again_is_the_same_file(run: Path, segtrail: Command) -> None:
    answer = json.loads(segtrail("report", run, "--json").stdout)
    assert answer["report"] == str(run / "report.pdf")
    assert answer["web_page"] == str(run / "report.html")
    assert segtrail("verify", run).exit_code == 0


def test_a_web_page_with_other_line_ends_is_known_again(run: Path, segtrail: Command) -> None:
    page = with_other_line_ends(run) / "report.html"
    assert b"\r\n" in page.read_bytes()
    assert json.loads(segtrail("report", run, "--json").stdout)["web_page"] == str(page)


@pytest.mark.requirement("REC-03")
def test_another_report_comes_to_the_addenda(
    run: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.report import make

    before = [(run / name).read_bytes() for name in ("report.pdf", "report.html")]
    monkeypatch.setattr(make, "typeset", lambda *_: b"%PDF of another version")
    monkeypatch.setattr(make, "write_web_page", lambda *_: b"<!DOCTYPE html> of another version")
    answer = json.loads(segtrail("report", run, "--json").stdout)
    paths = [Path(answer[kind]) for kind in ("report", "web_page")]
    assert [path.parent for path in paths] == [run / "addenda"] * 2
    assert [path.suffix for path in paths] == [".pdf", ".html"]
    assert [(run / name).read_bytes() for name in ("report.pdf", "report.html")] == before
    assert json.loads(segtrail("report", run, "--json").stdout) == answer
    result = segtrail("verify", run)
    assert result.exit_code == 0, result.stdout
    paths[1].write_bytes(b"edited")
    assert segtrail("verify", run).exit_code == 1


@pytest.mark.requirement("SAF-06")
def test_verifying_does_not_import_torch(quick_run_dir: Path) -> None:
    code = "import sys; from segtrail.cli import main\ntry: main(sys.argv[1:])\nfinally: print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "verify", str(quick_run_dir)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_tensors_are_hashed_whatever_else_a_checkpoint_holds(quick_run_dir: Path, tmp_path: Path) -> None:
    import torch

    path = quick_run_dir / "checkpoints" / "best.pt"
    content = torch.load(path, weights_only=True)
    torch.save(content | {"epoch": 99}, tmp_path / "other.pt")
    assert hash_tensors(tmp_path / "other.pt") == hash_tensors(path)
    weights = next(iter(content["networks"]["main"].values()))
    weights[(0,) * weights.ndim] += 1
    torch.save(content, tmp_path / "changed.pt")
    assert hash_tensors(tmp_path / "changed.pt") != hash_tensors(path)


def test_a_verification_is_kept_where_that_is_asked_for(run: Path, segtrail: Command) -> None:
    before = {path for path in run.rglob("*") if path.is_file()}
    segtrail("verify", run)
    assert {path for path in run.rglob("*") if path.is_file()} == before
    assert segtrail("verify", run, "--record").exit_code == 0
    (kept,) = (run / "addenda").glob("verification_*.json")
    assert json.loads(kept.read_text(encoding="utf-8"))["verdict"] == "pass"
    assert segtrail("verify", run).exit_code == 0
