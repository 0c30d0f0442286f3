"""Sharing a run: what is in the copy, that it is stable, and when nothing is shared."""

import json
import os
import shutil
import stat
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from jsonschema import Draft202012Validator

from run_copies import copy_run, unseal
from segtrail import Run
from segtrail.errors import InputError
from segtrail.record.hashing import hash_file
from segtrail.sharing.share_file import read_share_file
from segtrail.training.checkpoint import load_checkpoint

Command = Callable[..., Any]
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
TELLING = (
    "la_003",
    "la_007",
    "Müller",
    "Jürgen",
    "Patient Zero",
    "Family X",
    "Evelyn",
    "Moriarty",
    "ask about",
)


def secrets_of(run: Path) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((run / "addenda").glob("share_*.json"))
    ]


def copy_of(place: Path) -> Path:
    (folder,) = place.glob("shared_*")
    return folder


def files_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hash_file(path) for path in folder.rglob("*") if path.is_file()
    }


def bytes_of(path: Path) -> bytes:
    """All bytes of a file, those of the members of a zip too."""
    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            content += b"".join(packed.read(name) for name in packed.namelist())
    return content


def spellings(text: str) -> list[bytes]:
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    return [form.encode(encoding) for form in forms for encoding in ("utf-8", "utf-16-le", "utf-16-be")]


@pytest.mark.requirement("SHA-01")
def test_no_name_text_or_hash_of_the_run_is_in_any_byte_of_the_copy(shared: tuple[Path, Path]) -> None:
    copy, original = shared
    summary = json.loads((original / "dataset_summary.json").read_text(encoding="utf-8"))
    hashes = [
        case[part][key]
        for case in summary["cases"]
        for part in ("image", "label")
        for key in case[part]
        if "sha256" in key
    ]
    secret = [
        *hashes,
        summary["fingerprint"],
        summary["split"]["hash"],
        str(original),
        secrets_of(original)[0]["salt"],
    ]
    for path in copy.rglob("*"):
        if path.is_file():
            content = bytes_of(path)
            found = [
                text for text in (*TELLING, *secret) for spelling in spellings(text) if spelling in content
            ]
            assert found == [], path.name


def test_the_copy_holds_these_files_and_no_others(shared: tuple[Path, Path]) -> None:
    assert set(files_in(shared[0])) == {
        "calibration.json",
        "checkpoints/best.pt",
        "config_resolved.yaml",
        "dataset_summary.json",
        "history.csv",
        "inference.json",
        "manifest.json",
        "metrics_cases.csv",
        "metrics_summary.json",
        "methods.bib",
        "methods.md",
        "model_card.md",
        "provenance/code.zip",
        "provenance/packages.json",
        "provenance/provenance.json",
        "provenance/sbom.cdx.json",
        "run.json",
        "share.json",
        "test_uses.json",
    }


def test_without_asking_no_weights_no_code_and_no_description_go_out(
    run: Path, tmp_path: Path, share: Command
) -> None:
    result = share(run)
    assert result.exit_code == 0, result.stderr
    assert "not anonymous" in result.stdout
    assert "Weights: not in it" in result.stdout
    copy = copy_of(tmp_path / "out")
    assert not (copy / "checkpoints").exists()
    assert not (copy / "provenance" / "code.zip").exists()
    summary = json.loads((copy / "dataset_summary.json").read_text(encoding="utf-8"))
    assert {summary[key] for key in ("description", "licence", "reference")} == {"not shared"}
    assert "The network is not part of this copy" in (copy / "model_card.md").read_text(encoding="utf-8")


def test_the_sentence_on_weights_says_what_they_may_hold(run: Path, share: Command) -> None:
    assert "may hold traces of single images" in share(run, "--with-weights").stdout


def test_the_weights_are_bit_for_bit_those_of_the_run(shared: tuple[Path, Path]) -> None:
    ours, theirs = (load_checkpoint(folder / "checkpoints" / "best.pt") for folder in shared)
    names = ours["networks"]["main"].keys()
    assert names == theirs["networks"]["main"].keys()
    assert all(ours["networks"]["main"][name].equal(theirs["networks"]["main"][name]) for name in names)
    assert ours["config"]["split"]["val"] == [
        "shared_case_" + case[-3:] for case in ours["config"]["split"]["val"]
    ]


def test_the_numbers_are_those_of_the_run(shared: tuple[Path, Path]) -> None:
    copy, original = shared
    assert (copy / "history.csv").read_bytes() == (original / "history.csv").read_bytes()
    ours, theirs = (
        json.loads((folder / "metrics_summary.json").read_text(encoding="utf-8"))
        for folder in (copy, original)
    )
    assert ours == theirs
    names = secrets_of(original)[0]["cases"]
    rows = {
        folder: {
            line.partition(",")[0]: line.partition(",")[2] for line in lines(folder / "metrics_cases.csv")
        }
        for folder in (copy, original)
    }
    assert {names.get(case, case): rest for case, rest in rows[original].items()} == rows[copy]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.requirement("SHA-02")
def test_exporting_again_gives_the_same_bytes_and_adds_nothing(
    run: Path, tmp_path: Path, share: Command, segtrail: Command
) -> None:
    assert share(run).exit_code == 0
    again = share(run, "--json")
    assert json.loads(again.stdout)["written"] is False
    assert segtrail("export", run, "--share", "--output", tmp_path / "elsewhere").exit_code == 0
    assert files_in(copy_of(tmp_path / "out")) == files_in(copy_of(tmp_path / "elsewhere"))
    assert len(secrets_of(run)) == 1
    assert segtrail("verify", run).exit_code == 0


def test_another_recipient_gets_names_of_their_own_and_stays_unnamed(
    run: Path, tmp_path: Path, segtrail: Command
) -> None:
    for who in ("Uni A", "Uni B", "Uni A"):
        result = segtrail("export", run, "--share", "--output", tmp_path / who, "--recipient", who)
        assert result.exit_code == 0, result.stderr
    one, two = secrets_of(run)
    assert (one["recipient"], two["recipient"]) == ("Uni A", "Uni B")
    assert one["salt"] != two["salt"]
    assert one["root"] != two["root"]
    assert all(
        b"Uni A" not in path.read_bytes() for path in (tmp_path / "Uni A").rglob("*") if path.is_file()
    )


def test_other_choices_for_the_same_recipient_keep_the_names(
    run: Path, tmp_path: Path, segtrail: Command
) -> None:
    segtrail("export", run, "--share", "--output", tmp_path / "one")
    segtrail("export", run, "--share", "--output", tmp_path / "two", "--with-description")
    one, two = secrets_of(run)
    assert (one["salt"], one["cases"]) == (two["salt"], two["cases"])
    assert one["copy_fingerprint"] != two["copy_fingerprint"]
    summary = json.loads((copy_of(tmp_path / "two") / "dataset_summary.json").read_text(encoding="utf-8"))
    assert (summary["name"], summary["licence"]) == ("Balls", "CC0")


def test_the_run_keeps_which_case_is_which(run: Path, tmp_path: Path, share: Command) -> None:
    share(run)
    (secret,) = secrets_of(run)
    assert set(secret["cases"]) == {"la_003", "la_007", "ball", "dice", "17", "Müller Jürgen"}
    assert set(secret["groups"]) == {"Patient Zero", "Family X"}
    summary = json.loads((copy_of(tmp_path / "out") / "dataset_summary.json").read_text(encoding="utf-8"))
    sides = {entry["case"]: entry["side"] for entry in summary["cases"]}
    assert sides[secret["cases"]["Müller Jürgen"]] == "test"
    assert list(sides) == sorted(sides)
    assert secret["root"] == read_share_file(copy_of(tmp_path / "out")).data.root


def test_share_json_follows_its_schema_and_says_what_was_left_out(shared: tuple[Path, Path]) -> None:
    schema = json.loads((SCHEMAS / "share.schema.json").read_text(encoding="utf-8"))
    content = json.loads((shared[0] / "share.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(content)
    with pytest.raises(Exception, match="surprise"):
        Draft202012Validator(schema).validate(content | {"surprise": 1})
    counts = {(entry["file"], entry["key"]): entry["count"] for entry in content["left_out"]}
    assert counts["predictions/", None] == 3
    assert counts["dataset_summary.json", "cases.image"] == 6
    assert counts["run.json", "operator"] == 1
    assert (content["data"]["files"], content["data"]["cases"]) == (13, 6)


def test_the_secret_in_the_addenda_follows_its_schema(shared: tuple[Path, Path]) -> None:
    schema = json.loads((SCHEMAS / "share_secret.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    for secret in secrets_of(shared[1]):
        Draft202012Validator(schema).validate(secret)


def test_a_copy_is_read_only_but_for_a_place_for_a_signature(shared: tuple[Path, Path]) -> None:
    writable = {
        path.relative_to(shared[0]).as_posix()
        for path in shared[0].rglob("*")
        if stat.S_IMODE(path.stat().st_mode) & 0o222 and (path.is_file() or os.name != "nt")
    }
    assert writable <= {"addenda"}


def test_the_answer_in_json_says_where_the_copy_lies(run: Path, tmp_path: Path, share: Command) -> None:
    answer = json.loads(share(run, "--with-weights", "--json").stdout)
    copy = copy_of(tmp_path / "out")
    assert answer["copy"] == str(copy)
    assert answer["fingerprint"] == hash_file(copy / "manifest.json")
    assert answer["included"] == {"weights": True, "code": False, "description": False}
    assert {"17", "ball", "dice"} <= set(answer["ordinary_names"])
    assert not {"la_003", "Müller Jürgen"} & set(answer["ordinary_names"])


def nothing_left(place: Path) -> bool:
    return not place.exists() or list(place.iterdir()) == []


def refused(result: Any, exit_code: int, message: str) -> bool:
    return result.exit_code == exit_code and message in result.stderr and "Traceback" not in result.stderr


def test_without_share_the_command_asks_what_to_make(run: Path, tmp_path: Path, segtrail: Command) -> None:
    assert refused(segtrail("export", run, "--output", tmp_path / "out"), 2, "--share makes a copy")


def test_a_run_that_is_not_sealed_is_not_shared(run: Path, tmp_path: Path, share: Command) -> None:
    assert refused(share(unseal(run)), 2, "is not sealed, so it is not shared")
    assert nothing_left(tmp_path / "out")


def test_a_run_that_was_changed_is_not_shared(run: Path, tmp_path: Path, share: Command) -> None:
    with (run / "history.csv").open("a", encoding="utf-8") as stream:
        stream.write("main,3\n")
    assert refused(share(run), 1, "its record does not hold: history.csv was edited")
    assert nothing_left(tmp_path / "out")


def test_a_place_in_the_run_is_refused(run: Path, segtrail: Command) -> None:
    before = files_in(run)
    result = segtrail("export", run, "--share", "--output", run / "shared")
    assert refused(result, 2, "lies in the run itself")
    assert files_in(run) == before


def test_something_else_in_the_place_is_left_as_it_is(run: Path, tmp_path: Path, share: Command) -> None:
    target = tmp_path / "out" / f"shared_{run.name}"
    target.mkdir(parents=True)
    (target / "mine.txt").write_text("mine", encoding="utf-8")
    assert refused(share(run), 2, "is there already and holds something else")
    assert files_in(tmp_path / "out") == {f"shared_{run.name}/mine.txt": hash_file(target / "mine.txt")}
    assert secrets_of(run) == []


def test_a_copy_is_not_shared_again(copy: Path, tmp_path: Path, share: Command) -> None:
    assert refused(share(copy), 2, "is a shared copy already")
    assert nothing_left(tmp_path / "out")


def test_addenda_that_are_held_leave_no_copy_behind(
    run: Path, tmp_path: Path, share: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segtrail.record.addenda._SECONDS", 0.1)
    with FileLock(run / "addenda" / ".lock"):
        assert refused(share(run), 2, "Another program adds to")
    assert nothing_left(tmp_path / "out")


def test_a_renamed_run_gives_the_same_copy(
    run: Path, tmp_path: Path, share: Command, segtrail: Command
) -> None:
    assert share(run).exit_code == 0
    renamed = run.rename(tmp_path / "renamed")
    assert segtrail("export", renamed, "--share", "--output", tmp_path / "two").exit_code == 0
    assert files_in(copy_of(tmp_path / "out")) == files_in(copy_of(tmp_path / "two"))


@pytest.mark.parametrize("command", ["report", "evaluate", "archive", "note", "reproduce"])
def test_what_needs_the_record_refuses_a_copy(
    command: str, copy: Path, tmp_path: Path, segtrail: Command
) -> None:
    more = {"archive": ["--to", tmp_path / "a"], "note": ["text"], "evaluate": ["--data", tmp_path]}
    before = files_in(copy)
    assert refused(segtrail(command, copy, *more.get(command, [])), 2, "is a shared copy of a run")
    assert files_in(copy) == before


def test_a_copy_is_not_measured_from_python_either(copy: Path, data: Path) -> None:
    with pytest.raises(InputError, match="is a shared copy of a run"):
        Run.open(copy).evaluate(data)


def test_the_network_of_a_copy_segments_as_that_of_the_run(
    staged_run_dir: Path, staged_data: Path, tmp_path: Path, segtrail: Command
) -> None:
    run = copy_run(staged_run_dir, tmp_path / staged_run_dir.name)
    assert segtrail("export", run, "--share", "--output", tmp_path / "out", "--with-weights").exit_code == 0
    copy = copy_of(tmp_path / "out")
    image = staged_data / "imagesTr" / "case_4.nii.gz"
    for folder, name in ((run, "theirs"), (copy, "ours")):
        result = segtrail("predict", folder, image, "--output", tmp_path / name)
        assert result.exit_code == 0, result.stderr
    ours, theirs = ((tmp_path / name / "case_4.nii.gz").read_bytes() for name in ("ours", "theirs"))
    assert ours == theirs


def test_a_copy_of_a_run_of_two_stages_holds_regions_and_no_finders(
    staged_run_dir: Path, staged_data: Path, tmp_path: Path, segtrail: Command
) -> None:
    run = copy_run(staged_run_dir, tmp_path / staged_run_dir.name)
    assert segtrail("export", run, "--share", "--output", tmp_path / "out", "--with-weights").exit_code == 0
    copy = copy_of(tmp_path / "out")
    regions = json.loads((copy / "regions.json").read_text(encoding="utf-8"))
    assert all(entry["case"].startswith("shared_case_") for entry in regions["cases"])
    assert not (copy / "checkpoints" / "finders").exists()
    notes = [note["evidence"] for entry in regions["cases"] for note in entry["guard"]]
    assert all(len(note.split()) <= 6 for note in notes)
    verified = segtrail("verify", copy, "--original", run, "--data", staged_data)
    assert verified.exit_code == 0, verified.stdout


def test_an_archived_and_restored_run_gives_the_same_copy(
    run: Path, tmp_path: Path, share: Command, segtrail: Command
) -> None:
    assert share(run).exit_code == 0
    assert segtrail("archive", run, "--to", tmp_path / "archive").exit_code == 0
    (archive,) = (tmp_path / "archive").glob("*.zip")
    assert segtrail("restore", archive, "--to", tmp_path / "back").exit_code == 0
    shutil.copytree(tmp_path / "out", tmp_path / "before")
    again = segtrail(
        "export", tmp_path / "back" / "runs" / run.name, "--share", "--output", tmp_path / "out", "--json"
    )
    assert json.loads(again.stdout)["written"] is False
