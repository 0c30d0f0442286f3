"""Verifying a shared copy: anywhere by itself, and in the hospital against the run, its salt and its data."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shared_copies import edit_json, list_anew

from run_copies import copy_run
from segtrail.export.share_run import ShareRequest, share_run
from segtrail.model_card.card import write_card
from segtrail.progress import Narrator
from segtrail.sharing.terms import Choices
from segtrail.training.checkpoint import load_checkpoint, save_checkpoint

Command = Callable[..., Any]
Change = Callable[[Path], object]


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    return lambda copy: edit_json(copy / name, change)


def replace_text(name: str, before: str, after: str) -> Change:
    def change(copy: Path) -> None:
        text = (copy / name).read_text(encoding="utf-8")
        assert before in text
        (copy / name).write_text(text.replace(before, after), encoding="utf-8", newline="\n")

    return change


def write(name: str, content: bytes = b"more") -> Change:
    def change(copy: Path) -> None:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content)

    return change


def listed(change: Change) -> Change:
    """Make card and manifest fit the change, as whoever has the copy can."""

    def both(copy: Path) -> None:
        change(copy)
        write_card(copy)
        list_anew(copy)

    return both


def drop_last_epoch(copy: Path) -> None:
    lines = (copy / "history.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (copy / "history.csv").write_text("".join(lines[:-1]), encoding="utf-8", newline="\n")


def rename_a_case(copy: Path) -> None:
    for name in ("dataset_summary.json", "metrics_cases.csv", "inference.json", "config_resolved.yaml"):
        path = copy / name
        path.write_text(
            path.read_text(encoding="utf-8").replace("shared_case_002", "la_003"), encoding="utf-8"
        )


def name_a_group(content: dict[str, Any]) -> None:
    next(entry for entry in content["cases"] if entry["group"])["group"] = "Smith"


TAMPERINGS: list[tuple[str, Change, str]] = [
    ("a Dice", replace_text("metrics_cases.csv", ",val,ball,0.", ",val,ball,0.9"), "metrics_cases.csv was "),
    ("a file gone", lambda copy: (copy / "history.csv").unlink(), "history.csv is missing"),
    ("a file added", write("more.txt"), "more.txt was added"),
    ("a report added", write("report.pdf"), "report.pdf was added"),
    ("a web page added", write("report.html"), "report.html was added"),
    ("an addendum", write("addenda/notes.txt"), "addenda/notes.txt was added"),
    ("the manifest gone", lambda copy: (copy / "manifest.json").unlink(), "manifest.json is missing"),
    ("a weight cut off", write("checkpoints/best.pt", b""), "checkpoints/best.pt was truncated"),
    (
        "a Dice, listed anew",
        listed(replace_text("metrics_cases.csv", ",val,ball,0.", ",val,ball,0.9")),
        "of dice is",
    ),
    ("an epoch taken out, listed anew", listed(drop_last_epoch), "which history.csv does not have"),
    (
        "more epochs planned, listed anew",
        listed(replace_text("config_resolved.yaml", "max_epochs: 2", "max_epochs: 9")),
        "history.csv has 2 epochs of main, the configuration 9",
    ),
    ("a name put back, listed anew", listed(rename_a_case), "a case is called la_003, which is no pseudonym"),
    (
        "a group's name put back, listed anew",
        listed(edit("dataset_summary.json", name_a_group)),
        "a group is called Smith, which is no pseudonym",
    ),
    (
        "a note put back, listed anew",
        listed(edit("run.json", lambda content: content.update(note="by Smith"))),
        "run.json holds something that no rule lets out",
    ),
    (
        "a hash put back, listed anew",
        listed(edit("dataset_summary.json", lambda content: content.update(fingerprint="0" * 64))),
        "dataset_summary.json holds something that no rule lets out",
    ),
    (
        "a picture put back, listed anew",
        listed(write("examples/best_shared_case_001.png")),
        "examples/best_shared_case_001.png is no file of a shared copy",
    ),
    (
        "a reason that is none, listed anew",
        listed(edit("share.json", lambda content: content["left_out"][0].update(because="Smith said so"))),
        "which no export does",
    ),
    (
        "weights that share.json does not name, listed anew",
        listed(edit("share.json", lambda content: content["included"].update(weights=False))),
        "checkpoints/best.pt is there, which share.json says was left out",
    ),
    (
        "weights taken out, listed anew",
        listed(lambda copy: (copy / "checkpoints" / "best.pt").unlink()),
        "checkpoints/best.pt is missing, which share.json says is in the copy",
    ),
    (
        "a key of share.json",
        listed(edit("share.json", lambda content: content.update(by="Smith"))),
        "share.json is damaged",
    ),
    ("share.json too deep to read", write("share.json", b"[" * 200_000), "share.json can't be read"),
    ("the card", replace_text("model_card.md", "research use only", "any use"), "model_card.md was"),
    (
        "the methods, listed anew",
        listed(replace_text("methods.md", "The batch size was 2", "The batch size was 9")),
        "methods.md is not what the other files of the run give",
    ),
]


@pytest.mark.requirement("SHA-04")
@pytest.mark.parametrize(("what", "change", "message"), TAMPERINGS, ids=[one[0] for one in TAMPERINGS])
def test_a_change_of_a_copy_is_found(
    what: str, change: Change, message: str, copy: Path, segtrail: Command
) -> None:
    change(copy)
    result = segtrail("verify", copy)
    assert result.exit_code == 1, what
    assert message in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.requirement("SHA-04")
def test_a_copy_holds_anywhere_without_the_run(
    shared: tuple[Path, Path], tmp_path: Path, segtrail: Command
) -> None:
    moved = copy_run(shared[0], tmp_path / "renamed")
    result = segtrail("verify", moved, "--json")
    assert result.exit_code == 0, result.stdout
    answer = json.loads(result.stdout)
    statuses = {check["check"]: check["status"] for check in answer["checks"]}
    assert {name for name, status in statuses.items() if status == "not checked"} == {
        *("journal", "seal", "facts", "provenance", "original", "data")
    }
    assert answer["checklist"] == []
    assert answer["fingerprint"]


def test_a_copy_with_other_line_ends_holds(copy: Path, segtrail: Command) -> None:
    for path in copy.rglob("*"):
        if path.suffix in (".json", ".csv", ".yaml", ".md"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (copy / ".DS_Store").write_bytes(b"of a file browser")
    result = segtrail("verify", copy)
    assert result.exit_code == 0, result.stdout


def test_verifying_a_copy_does_not_import_torch(shared: tuple[Path, Path]) -> None:
    code = (
        "import sys; from segtrail.cli import main\n"
        "try: main(['verify', sys.argv[1]])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'monai'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(shared[0])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("SHA-05")
def test_the_hospital_makes_the_copy_again_and_compares_every_byte(
    shared: tuple[Path, Path], data: Path, segtrail: Command
) -> None:
    copy, original = shared
    result = segtrail("verify", copy, "--original", original, "--data", data)
    assert result.exit_code == 0, result.stdout
    assert "and its salt give, byte by byte" in result.stdout
    assert "13 files give the root in share.json" in result.stdout


def change_a_volume(copy: Path) -> None:
    """Change what no other file of the copy tells."""
    edit_json(copy / "dataset_summary.json", lambda content: content["aggregates"]["all"].update(n_cases=60))


def add_a_tensor(copy: Path) -> None:
    path = copy / "checkpoints" / "best.pt"
    content = load_checkpoint(path)
    content["networks"]["main"] = {name: tensor + 1 for name, tensor in content["networks"]["main"].items()}
    save_checkpoint(path, content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (listed(change_a_volume), "dataset_summary.json is not what the run gives"),
        (listed(add_a_tensor), "checkpoints/best.pt is not what the run gives"),
        (listed(lambda copy: (copy / "provenance" / "sbom.cdx.json").unlink()), "sbom.cdx.json is missing"),
    ],
)
def test_a_forgery_that_fits_in_itself_is_found_with_the_run(
    change: Change, message: str, copy: Path, shared: tuple[Path, Path], segtrail: Command
) -> None:
    change(copy)
    assert segtrail("verify", copy).exit_code == 0
    result = segtrail("verify", copy, "--original", shared[1])
    assert result.exit_code == 1
    assert message in result.stdout


def test_another_run_has_no_salt_of_the_copy(copy: Path, run: Path, segtrail: Command) -> None:
    result = segtrail("verify", copy, "--original", run)
    assert result.exit_code == 1
    assert "hold no salt of this copy" in result.stdout


def test_data_that_changed_do_not_give_the_root(
    copy: Path, shared: tuple[Path, Path], data: Path, tmp_path: Path, segtrail: Command
) -> None:
    changed = Path(shutil.copytree(data, tmp_path / "changed"))
    shutil.copy(changed / "labelsTr" / "la_007.nii.gz", changed / "labelsTr" / "la_003.nii.gz")
    result = segtrail("verify", copy, "--original", shared[1], "--data", changed)
    assert result.exit_code == 1
    assert "the data files do not give the root in share.json" in result.stdout
    (changed / "imagesTr" / "la_003.nii.gz").unlink()
    result = segtrail("verify", copy, "--original", shared[1], "--data", changed)
    assert "imagesTr/la_003.nii.gz of the data set can't be found" in result.stdout


def test_a_copy_by_another_program_is_compared_by_its_hashes(
    copy: Path, shared: tuple[Path, Path], segtrail: Command
) -> None:
    edit_json(
        copy / "share.json", lambda content: content.update(program_sha256="0" * 64, segtrail_version="9.0.0")
    )
    listed(change_a_volume)(copy)
    result = segtrail("verify", copy, "--original", shared[1])
    assert result.exit_code == 0, result.stdout
    assert "another segtrail (9.0.0) made the copy" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rerun"], "--rerun compares with label maps"),
        (["--ledger", "ledger.jsonl"], "--ledger is about the seal of a run"),
        (["--tsa-certificate", "root.pem"], "--tsa-certificate is about the seal of a run"),
        (["--record"], "is not sealed, so nothing is added to it"),
        (["--original", "nowhere"], "neither a run folder nor the ID"),
    ],
)
def test_options_that_a_copy_can_not_have_get_a_sentence(
    options: list[str], message: str, copy: Path, segtrail: Command
) -> None:
    result = segtrail("verify", copy, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_takes_no_original(run: Path, segtrail: Command) -> None:
    result = segtrail("verify", run, "--original", run)
    assert result.exit_code == 2
    assert "--original is for a copy" in result.stderr


def test_a_run_with_a_share_json_put_into_it_is_still_a_run(run: Path, segtrail: Command) -> None:
    (run / "share.json").write_text("{}", encoding="utf-8")
    result = segtrail("verify", run)
    assert result.exit_code == 1
    assert "share.json was added" in result.stdout


def test_the_fingerprint_of_a_copy_can_be_cited(shared: tuple[Path, Path], segtrail: Command) -> None:
    found = json.loads(segtrail("verify", shared[0], "--json").stdout)["fingerprint"]
    assert segtrail("verify", shared[0], "--fingerprint", found).exit_code == 0
    assert segtrail("verify", shared[0], "--fingerprint", "0" * 64).exit_code == 1


def test_a_copy_is_signed_and_a_change_behind_that_is_found(
    copy: Path, tmp_path: Path, segtrail: Command
) -> None:
    segtrail("keys", "new", "--to", tmp_path / "keys")
    key, public = (tmp_path / "keys" / name for name in ("signing_key.pem", "signing_key.pub.pem"))
    result = segtrail("sign", copy, "--key", key)
    assert result.exit_code == 0, result.stderr
    assert segtrail("verify", copy, "--public-key", public).exit_code == 0
    assert segtrail("sign", copy, "--key", key).exit_code == 2
    listed(change_a_volume)(copy)
    result = segtrail("verify", copy, "--public-key", public)
    assert result.exit_code == 1
    assert "dataset_summary.json is not the file that was signed" in result.stdout


def test_a_copy_that_was_changed_is_not_signed(copy: Path, tmp_path: Path, segtrail: Command) -> None:
    segtrail("keys", "new", "--to", tmp_path / "keys")
    write("more.txt")(copy)
    result = segtrail("sign", copy, "--key", tmp_path / "keys" / "signing_key.pem")
    assert result.exit_code == 1
    assert "more.txt was added" in result.stderr


def test_a_fold_of_a_cross_validation_is_shared_like_any_run(
    finished_cv_dir: Path, tmp_path: Path, segtrail: Command
) -> None:
    fold = sorted((finished_cv_dir.parents[1] / "runs").glob("run_*"))[0]
    run = copy_run(fold, tmp_path / fold.name)
    made = share_run(run, ShareRequest(tmp_path / "out", Choices(weights=True)), Narrator())
    assert segtrail("verify", made.path, "--original", run).exit_code == 0
