"""Restoring an archive: the run comes back whole and verified, with its data where that is wanted, or not at all."""

import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from run_copies import copy_run
from segtrail.record.hashing import hash_file
from segtrail.record.local_paths import recall_data_root
from segtrail.record.manifest import fingerprint

Command = Callable[..., Any]


def files_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hash_file(path) for path in folder.rglob("*") if path.is_file()
    }


def test_a_run_is_restored_whole_to_an_empty_folder_and_verifies(
    archived: Path, quick_run_dir: Path, tmp_path: Path, restore: Command, segtrail: Command
) -> None:
    result = restore(archived, "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    run = tmp_path / "back" / "runs" / quick_run_dir.name
    assert answer["run_dir"] == str(run)
    assert answer["fingerprint"] == fingerprint(quick_run_dir)
    assert answer["retention"] == {"class": "study", "keep_until": "2036-01-01"}
    assert answer["data_root"] is None
    assert files_in(run) == files_in(quick_run_dir)
    assert segtrail("verify", run.name, "--output-root", tmp_path / "back").exit_code == 0
    assert segtrail("verify", "latest", "--output-root", tmp_path / "back").exit_code == 0


def test_a_restored_run_is_read_only_but_for_its_addenda(
    archived: Path, tmp_path: Path, restore: Command
) -> None:
    restore(archived)
    (run,) = (tmp_path / "back" / "runs").glob("run_*")
    writable = {
        path.relative_to(run).as_posix()
        for path in run.rglob("*")
        if stat.S_IMODE(path.stat().st_mode) & 0o222 and (path.is_file() or os.name != "nt")
    }
    assert writable <= {"addenda"}


def test_addenda_come_back_and_can_be_gone_on_with(
    quick_run_dir: Path, tmp_path: Path, restore: Command, segtrail: Command
) -> None:
    run = copy_run(quick_run_dir, tmp_path / quick_run_dir.name)
    segtrail("verify", run, "--record")
    segtrail("archive", run, "--to", tmp_path / "place")
    assert restore(tmp_path / "place" / f"{run.name}.segtrail.zip").exit_code == 0
    back = tmp_path / "back" / "runs" / run.name
    assert len(list((back / "addenda").glob("verification_*.json"))) == 1
    assert segtrail("verify", back, "--record").exit_code == 0
    assert segtrail("verify", back).exit_code == 0


def test_what_was_restored_gives_the_same_archive_again(
    archived: Path, tmp_path: Path, restore: Command, segtrail: Command
) -> None:
    assert restore(archived, "--with-data").exit_code == 0
    (run,) = (tmp_path / "back" / "runs").glob("run_*")
    options = ["--with-data", "--retention", "study", "--keep-until", "2036-01-01"]
    result = segtrail("archive", run, "--to", tmp_path / "again", *options)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "again" / archived.name).read_bytes() == archived.read_bytes()


def test_the_data_come_back_and_this_machine_knows_where_they_lie(
    archived: Path, quick_run_dir: Path, tmp_path: Path, restore: Command, segtrail: Command
) -> None:
    result = restore(archived, "--with-data", "--data-to", tmp_path / "balls", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["data_root"] == str(tmp_path / "balls")
    assert files_in(tmp_path / "balls") == files_in(quick_run_dir.parents[2] / "data")
    run = tmp_path / "back" / "runs" / quick_run_dir.name
    assert recall_data_root(run) == tmp_path / "balls"
    assert segtrail("verify", run, "--rerun").exit_code == 0


def test_data_that_lie_there_already_are_used_and_others_refused(
    archived: Path,
    quick_run_dir: Path,
    tmp_path: Path,
    restore: Command,
    nothing_restored: Callable[[], bool],
) -> None:
    data = Path(shutil.copytree(quick_run_dir.parents[2] / "data", tmp_path / "balls"))
    (data / "labelsTr" / "case_0.nii.gz").write_bytes(b"another")
    result = restore(archived, "--with-data", "--data-to", data)
    assert result.exit_code == 1
    assert f"{data} would not hold the data of {quick_run_dir.name}: labelsTr/case_0.nii.gz" in result.stderr
    assert nothing_restored()
    assert (data / "labelsTr" / "case_0.nii.gz").read_bytes() == b"another"
    shutil.copytree(quick_run_dir.parents[2] / "data", data, dirs_exist_ok=True)
    assert restore(archived, "--with-data", "--data-to", data).exit_code == 0


@pytest.mark.parametrize("damage", ["missing", "changed", "cut"])
def test_a_data_file_that_is_missing_or_damaged_is_named(
    place: Path, archived: Path, restore: Command, nothing_restored: Callable[[], bool], damage: str
) -> None:
    with zipfile.ZipFile(archived) as packed:
        (file,) = (
            file
            for file in json.loads(packed.read("archive.json"))["data"]["files"]
            if file["path"] == "imagesTr/case_2.nii.gz"
        )
    kept = place / "data" / "sha256" / file["sha256"][:2] / file["sha256"]
    content = kept.read_bytes()
    if damage == "missing":
        kept.unlink()
    else:
        kept.write_bytes(content[:-1] if damage == "cut" else content[:-1] + b"?")
    result = restore(place / archived.name, "--with-data")
    assert result.exit_code == 1
    assert file["sha256"] in result.stderr
    assert "imagesTr/case_2.nii.gz of the data set" in result.stderr
    assert nothing_restored()
    assert restore(place / archived.name).exit_code == 0


def test_an_archive_without_data_has_none_to_restore(
    quick_run_dir: Path, tmp_path: Path, restore: Command, segtrail: Command
) -> None:
    segtrail("archive", quick_run_dir, "--to", tmp_path / "place")
    archive = tmp_path / "place" / f"{quick_run_dir.name}.segtrail.zip"
    result = restore(archive, "--with-data")
    assert result.exit_code == 2
    assert "was made without data" in result.stderr
    assert "Data: none; the run was archived without them" in restore(archive).stdout


def test_a_run_that_is_there_is_left_as_it_is(archived: Path, tmp_path: Path, restore: Command) -> None:
    there = tmp_path / "back" / "runs" / archived.name.partition(".")[0]
    there.mkdir(parents=True)
    (there / "notes").write_text("mine", encoding="utf-8")
    result = restore(archived)
    assert result.exit_code == 2
    assert "is there already, and was left as it is" in result.stderr
    assert [path.name for path in there.iterdir()] == ["notes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.segtrail.zip"], "can't be read: No such file"),
        (["."], "is no file; expected an archive"),
        (["nowhere.segtrail.zip", "--data-to", "data"], "only with --with-data"),
    ],
)
def test_what_is_no_archive_gets_a_sentence(arguments: list[str], message: str, segtrail: Command) -> None:
    result = segtrail("restore", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_restoration_that_is_interrupted_leaves_nothing(
    archived: Path,
    restore: Command,
    nothing_restored: Callable[[], bool],
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr("segtrail.archive.restore_run.verify_run", stop)
    result = restore(archived, "--with-data")
    assert result.exit_code in (2, 130)
    assert "Traceback" not in result.stderr
    assert nothing_restored()


def test_the_rest_of_a_killed_restoration_is_not_mixed_in(
    archived: Path, quick_run_dir: Path, tmp_path: Path, restore: Command
) -> None:
    rest = tmp_path / "back" / "runs" / f".{quick_run_dir.name}.restoring" / quick_run_dir.name
    rest.mkdir(parents=True)
    (rest / "strange.txt").write_text("half", encoding="utf-8")
    assert restore(archived).exit_code == 0
    assert not rest.parent.exists()
    assert not (tmp_path / "back" / "runs" / quick_run_dir.name / "strange.txt").exists()


def test_a_second_program_in_the_same_place_is_refused(
    archived: Path, quick_run_dir: Path, tmp_path: Path, restore: Command, segtrail: Command
) -> None:
    (tmp_path / "back" / "runs").mkdir(parents=True)
    (tmp_path / "place").mkdir()
    with (
        FileLock(tmp_path / "back" / "runs" / ".archive.lock"),
        FileLock(tmp_path / "place" / ".archive.lock"),
    ):
        for result in (restore(archived), segtrail("archive", quick_run_dir, "--to", tmp_path / "place")):
            assert result.exit_code == 2
            assert "Another program archives or restores in" in result.stderr


def test_files_too_large_for_a_plain_zip_are_archived_and_restored(
    quick_run_dir: Path, tmp_path: Path, restore: Command, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 12_000)  # checkpoints are larger, archive.json is not
    assert segtrail("archive", quick_run_dir, "--to", tmp_path / "place").exit_code == 0
    archive = tmp_path / "place" / f"{quick_run_dir.name}.segtrail.zip"
    with zipfile.ZipFile(archive) as packed:
        last = packed.infolist()[-1]
    cut = tmp_path / archive.name
    cut.write_bytes(archive.read_bytes()[: last.header_offset + 60])
    assert f"was cut off within {last.filename}." in restore(cut).stderr
    monkeypatch.undo()
    assert restore(archive).exit_code == 0


@pytest.mark.usefixtures("binding_permissions")
def test_it_works_for_a_user_whom_permissions_bind(
    quick_run_dir: Path, tmp_path: Path, restore: Command, segtrail: Command
) -> None:
    assert segtrail("archive", quick_run_dir, "--to", tmp_path / "place", "--with-data").exit_code == 0
    result = restore(tmp_path / "place" / f"{quick_run_dir.name}.segtrail.zip", "--with-data")
    assert result.exit_code == 0, result.stderr
    with pytest.raises(PermissionError):
        (tmp_path / "back" / "runs" / quick_run_dir.name / "train.log").write_text(
            "changed", encoding="utf-8"
        )
