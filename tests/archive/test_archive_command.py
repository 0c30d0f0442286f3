"""Archiving a run: one file with all of it, the same bytes for the same run, and no half file."""

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from run_copies import copy_run
from segtrail.audit.verify import verify_run
from segtrail.record.addenda import Addenda
from segtrail.record.hashing import hash_file
from segtrail.record.manifest import fingerprint

Command = Callable[..., Any]
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run that a test may change; this machine does not know its data."""
    return copy_run(quick_run_dir, tmp_path / "outputs" / "runs" / quick_run_dir.name)


@pytest.fixture
def data(tmp_path: Path, quick_run_dir: Path) -> Path:
    """The data set of the run, which a test may change."""
    return Path(shutil.copytree(quick_run_dir.parents[2] / "data", tmp_path / "data"))


def archive_json(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as packed:
        content: dict[str, Any] = json.loads(packed.read("archive.json"))
    return content


def files_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hash_file(path) for path in folder.rglob("*") if path.is_file()
    }


def test_an_archive_holds_every_file_of_the_run_and_says_which(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    result = segtrail("archive", quick_run_dir, "--to", tmp_path / "place", "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    path = Path(answer["archive"])
    assert path == tmp_path / "place" / f"{quick_run_dir.name}.segtrail.zip"
    assert (answer["sha256"], answer["bytes"]) == (hash_file(path), path.stat().st_size)
    assert answer["fingerprint"] == fingerprint(quick_run_dir)
    description = archive_json(path)
    assert {file["path"]: file["sha256"] for file in description["files"]} == files_in(quick_run_dir)
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        names = [f"{quick_run_dir.name}/{file['path']}" for file in description["files"]]
        assert packed.namelist() == ["archive.json", *sorted(names)]


def test_archive_json_follows_its_schema(
    archived: Path, tmp_path: Path, run: Path, segtrail: Command
) -> None:
    schema = json.loads((SCHEMAS / "archive.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    segtrail("archive", run, "--to", tmp_path / "bare")
    for path in (archived, *(tmp_path / "bare").glob("*.zip")):
        Draft202012Validator(schema).validate(archive_json(path))
    with pytest.raises(Exception, match="surprise"):
        Draft202012Validator(schema).validate(archive_json(archived) | {"surprise": 1})


def test_the_same_run_gives_the_same_bytes_whatever_its_name_times_and_rights(
    tmp_path: Path, run: Path, segtrail: Command
) -> None:
    assert segtrail("verify", run, "--record").exit_code == 0
    other = copy_run(run, tmp_path / "renamed")
    for path in [other, *other.rglob("*")]:
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (other / ".DS_Store").write_bytes(b"of a file browser")
    (other / "addenda" / ".lock").unlink(missing_ok=True)
    (run / "addenda" / ".lock").touch()
    for source, place in ((run, "one"), (other, "two")):
        segtrail(
            "archive", source, "--to", tmp_path / place, "--retention", "study", "--keep-until", "2036-01-01"
        )
    (one,), (two,) = ((tmp_path / place).glob("*.zip") for place in ("one", "two"))
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()


def test_retention_is_recorded(archived: Path) -> None:
    assert archive_json(archived)["retention"] == {"class": "study", "keep_until": "2036-01-01"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--keep-until", "soon"], "expected a date as YYYY-MM-DD"),
        (["--keep-until", "2036-02-30"], "expected a date as YYYY-MM-DD"),
        (["--keep-until", "20360101"], "expected a date as YYYY-MM-DD"),
        (["--retention", " "], "--retention is empty"),
        (["--retention", "a\x1b[2J"], "holds control characters"),
        (["--data", "data"], "only with --with-data"),
        (["--with-data"], "does not know where the data"),
        (["--with-data", "--data", "nowhere"], "There is no folder nowhere"),
    ],
)
def test_options_that_can_not_be_meant_get_a_sentence_and_write_nothing(
    run: Path, tmp_path: Path, options: list[str], message: str, segtrail: Command
) -> None:
    result = segtrail("archive", run, "--to", tmp_path / "place", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert files_in(tmp_path / "place").keys() <= {".archive.lock"}


def test_data_are_kept_once_for_two_runs(tmp_path: Path, tiny_config: Path, segtrail: Command) -> None:
    place, new = tmp_path / "place", []
    for _ in range(2):
        segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false")
        result = segtrail(
            "archive", "latest", "--output-root", tmp_path / "outputs", "--to", place, "--with-data", "--json"
        )
        assert result.exit_code == 0, result.stderr
        new.append(json.loads(result.stdout)["data"]["new_files"])
    kept, data = files_in(place / "data"), files_in(tmp_path / "data")
    assert new == [len(kept), 0]
    assert {Path(name).name for name in kept} == set(kept.values()) == set(data.values())
    assert len(list(place.glob("*.zip"))) == 2


def test_changed_data_are_named_with_their_cases_and_nothing_is_archived(
    run: Path, data: Path, tmp_path: Path, segtrail: Command
) -> None:
    shutil.copy(data / "labelsTr" / "case_1.nii.gz", data / "labelsTr" / "case_0.nii.gz")
    result = segtrail("archive", run, "--to", tmp_path / "place", "--with-data", "--data", data)
    assert result.exit_code == 1
    assert "case case_0: labelsTr/case_0.nii.gz is another file than the run read" in result.stderr
    (data / "imagesTr" / "case_3.nii.gz").unlink()
    result = segtrail("archive", run, "--to", tmp_path / "place", "--with-data", "--data", data)
    assert result.exit_code == 1
    assert "case case_3: imagesTr/case_3.nii.gz is missing" in result.stderr
    assert files_in(tmp_path / "place").keys() <= {".archive.lock"}


def test_a_run_that_does_not_name_its_data_files_is_archived_without_them(
    run: Path, data: Path, tmp_path: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segtrail.archive.snapshot.read_json", lambda _: {"schema_version": 1, "cases": [{}]})
    result = segtrail("archive", run, "--to", tmp_path / "place", "--with-data", "--data", data)
    assert result.exit_code == 2
    assert "Archive the run without --with-data" in result.stderr


def test_cases_that_the_run_left_out_are_named(
    run: Path, data: Path, tmp_path: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = json.loads((run / "dataset_summary.json").read_text(encoding="utf-8"))
    summary["left_out"] = [{"case": "case_9", "checks": ["readable"]}]
    monkeypatch.setattr("segtrail.archive.snapshot.read_json", lambda _: summary)
    result = segtrail("archive", run, "--to", tmp_path / "place", "--with-data", "--data", data)
    assert "Not archived, since the run left them out: case_9" in result.stdout
    (path,) = (tmp_path / "place").glob("*.zip")
    assert archive_json(path)["data"]["left_out"] == ["case_9"]


def test_a_description_with_other_line_ends_is_the_one_that_was_read(
    run: Path, data: Path, tmp_path: Path, segtrail: Command
) -> None:
    text = (data / "dataset.json").read_bytes()
    (data / "dataset.json").write_bytes(text.replace(b"\n", b"\r\n"))
    result = segtrail("archive", run, "--to", tmp_path / "place", "--with-data", "--data", data)
    assert result.exit_code == 0, result.stderr


def test_a_damaged_data_file_of_the_place_is_named(
    quick_run_dir: Path, place: Path, segtrail: Command
) -> None:
    damaged = next(path for path in sorted((place / "data").rglob("*")) if path.is_file())
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    result = segtrail("archive", quick_run_dir, "--to", place, "--with-data", "--again")
    assert result.exit_code == 1
    assert f"{damaged.relative_to(place).as_posix()} in {place} is damaged" in result.stderr
    assert len(list(place.glob("*.zip"))) == 1


def test_a_run_that_is_not_sealed_is_refused(run: Path, tmp_path: Path, segtrail: Command) -> None:
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (run / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
    result = segtrail("archive", run, "--to", tmp_path / "place")
    assert result.exit_code == 2
    assert "is not sealed, so it is not archived" in result.stderr
    assert not (tmp_path / "place").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [("train.log", "train.log was edited"), ("addenda/notes.txt", "does not hold: addenda/")],
)
def test_a_run_whose_record_does_not_hold_is_refused(
    run: Path, tmp_path: Path, name: str, message: str, segtrail: Command
) -> None:
    with (run / name).open("ab") as stream:
        stream.write(b"more\n")
    result = segtrail("archive", run, "--to", tmp_path / "place")
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (tmp_path / "place").exists()


def test_a_run_of_a_later_version_is_refused(run: Path, tmp_path: Path, segtrail: Command) -> None:
    state = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(state | {"schema_version": 2}), encoding="utf-8")
    result = segtrail("archive", run, "--to", tmp_path / "place")
    assert result.exit_code == 1
    assert "run.json" in result.stderr
    assert not (tmp_path / "place").exists()


def test_the_run_itself_is_no_place_for_its_archive(run: Path, segtrail: Command) -> None:
    result = segtrail("archive", run, "--to", run / "addenda")
    assert result.exit_code == 2
    assert "lies in the run itself" in result.stderr


def test_an_archive_that_is_there_is_left_and_one_that_differs_is_written_only_beside_it(
    run: Path, tmp_path: Path, segtrail: Command
) -> None:
    place = tmp_path / "place"
    assert segtrail("archive", run, "--to", place).exit_code == 0
    (first,) = place.glob("*.zip")
    before = first.read_bytes()
    again = segtrail("archive", run, "--to", place, "--json")
    assert json.loads(again.stdout)["written"] is False
    assert segtrail("verify", run, "--record").exit_code == 0
    refused = segtrail("archive", run, "--to", place)
    assert refused.exit_code == 2
    assert f"{first.name} has something else under files. --again" in refused.stderr
    beside = segtrail("archive", run, "--to", place, "--again", "--json")
    assert json.loads(beside.stdout)["archive"] == str(place / f"{run.name}_2.segtrail.zip")
    assert first.read_bytes() == before
    assert json.loads(segtrail("archive", run, "--to", place, "--json").stdout)["written"] is False


def test_an_archive_that_is_there_and_damaged_is_named(run: Path, tmp_path: Path, segtrail: Command) -> None:
    place = tmp_path / "place"
    segtrail("archive", run, "--to", place)
    (first,) = place.glob("*.zip")
    content = first.read_bytes()
    first.chmod(0o644)
    first.write_bytes(content[:-400])
    result = segtrail("archive", run, "--to", place)
    assert result.exit_code == 2
    assert f"The archive {first.name} was cut off" in result.stderr
    assert segtrail("archive", run, "--to", place, "--again").exit_code == 0
    assert (place / f"{run.name}_2.segtrail.zip").read_bytes() == content


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_archive_that_is_interrupted_leaves_no_part_of_it(
    run: Path, tmp_path: Path, error: BaseException, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> str:
        raise error

    monkeypatch.setattr("segtrail.archive.file_format.copy_and_hash", stop)
    result = segtrail("archive", run, "--to", tmp_path / "place")
    assert result.exit_code in (2, 130)
    assert "Traceback" not in result.stderr
    assert files_in(tmp_path / "place").keys() == {".archive.lock"}


def test_a_file_that_changes_while_it_is_archived_ends_it(
    run: Path, tmp_path: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segtrail.archive.file_format.copy_and_hash", lambda *_: "0" * 64)
    result = segtrail("archive", run, "--to", tmp_path / "place")
    assert result.exit_code == 1
    assert "changed while it was archived" in result.stderr
    assert files_in(tmp_path / "place").keys() == {".archive.lock"}


def test_an_addendum_that_comes_meanwhile_ends_it(
    run: Path, tmp_path: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verify_and_add(*arguments: Any) -> Any:
        verification = verify_run(*arguments)
        Addenda(run, None).add_file("notes.txt", b"late", "noted")
        return verification

    monkeypatch.setattr("segtrail.archive.archive_run.verify_run", verify_and_add)
    result = segtrail("archive", run, "--to", tmp_path / "place")
    assert result.exit_code == 1
    assert "was added to while it was archived" in result.stderr
    assert not (tmp_path / "place").exists()


def test_a_link_in_a_run_is_refused(run: Path, tmp_path: Path, segtrail: Command) -> None:
    (run / "linked").symlink_to(run / "train.log")
    result = segtrail("archive", run, "--to", tmp_path / "place")
    assert result.exit_code == 1
    assert "linked is a link" in result.stderr


def test_a_kill_leaves_no_archive_and_the_next_one_takes_its_rest_away(
    run: Path, data: Path, tmp_path: Path, segtrail: Command
) -> None:
    place = tmp_path / "place"
    arguments = ["archive", str(run), "--to", str(place), "--with-data", "--data", str(data)]
    code = (
        "import os, segtrail.atomic\nfrom segtrail.cli import main\n"
        f"segtrail.atomic.replace_file = lambda source, target: os._exit(9)\nmain({arguments!r})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 9
    rest = [path for path in place.rglob("*") if path.is_file() and path.name != ".archive.lock"]
    assert [path.suffix for path in rest] == [".tmp"]
    assert segtrail(*arguments).exit_code == 0
    assert not rest[0].exists()


def test_archives_are_read_only(archived: Path) -> None:
    kept = [path for path in archived.parent.rglob("*") if path.is_file() and path.name != ".archive.lock"]
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o222 == 0 for path in kept)


def test_neither_torch_nor_monai_is_imported(archived: Path, quick_run_dir: Path, tmp_path: Path) -> None:
    for arguments in (
        ["archive", str(quick_run_dir), "--to", str(tmp_path), "--with-data"],
        ["restore", str(archived), "--to", str(tmp_path), "--with-data"],
    ):
        code = (
            "import sys\nfrom segtrail.cli import main\n"
            f"try:\n    main({arguments!r})\nexcept SystemExit as ended:\n    assert ended.code == 0\n"
            "print([name for name in ('torch', 'monai') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stdout.splitlines()[-1] == "[]", done.stderr
