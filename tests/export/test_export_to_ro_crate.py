"""Crates of runs, read back with the library for them."""

import errno
import getpass
import hashlib
import json
import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run
from segtrail.export.ro_crate.run_files import RunFile

Command = Callable[..., Any]
ADDED = ("addenda", "evaluations")


def export(segtrail: Command, run_dir: Path, output: Path) -> Path:
    result = segtrail("export", run_dir, "--to", "ro-crate", "--output", output)
    assert result.exit_code == 0, result.stderr
    return output / f"{run_dir.name}_ro_crate"


def read_crate(folder: Path) -> Any:
    from rocrate.rocrate import ROCrate

    return ROCrate(folder)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def change_state(run_dir: Path, **changes: object) -> None:
    """Make a copy of a sealed run one that was not, with another state."""
    state = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    (run_dir / "run.json").write_text(json.dumps({**state, **changes}), encoding="utf-8")
    (run_dir / "manifest.json").unlink()


@pytest.fixture
def folder(segtrail: Command, named_run_dir: Path, tmp_path: Path) -> Path:
    return export(segtrail, named_run_dir, tmp_path / "crates")


@pytest.fixture
def run_dir(named_run_dir: Path, tmp_path: Path) -> Path:
    """A copy of the run, which a test may change."""
    return copy_run(named_run_dir, tmp_path / "outputs" / "runs" / named_run_dir.name)


@pytest.mark.requirement("EXP-09")
def test_the_crate_names_every_file_of_the_run_with_hash_size_and_kind(
    folder: Path, named_run_dir: Path
) -> None:
    crate = read_crate(folder)
    known = {name: content for name, content in files_of(named_run_dir).items() if not name.startswith(ADDED)}
    described = {entity["name"]: entity for entity in crate.data_entities if entity.type == "File"}
    assert set(described) == set(known)
    for name, content in known.items():
        entity = described[name]
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
        assert entity["contentSize"] == str(len(content))
        assert "/" in entity["encodingFormat"]
        assert entity["description"] != "A file of the run."
    assert described["predictions/17.nii.gz"]["encodingFormat"] == "application/gzip"


@pytest.mark.requirement("EXP-09")
def test_the_crate_tells_how_the_run_came_about(folder: Path, named_run_dir: Path) -> None:
    crate = read_crate(folder)
    run = json.loads((named_run_dir / "run.json").read_text(encoding="utf-8"))
    [action] = crate.get_by_type("CreateAction")
    assert crate.root_dataset["mentions"].id == action.id
    assert action["startTime"] == run["created_utc"].replace("Z", "+00:00")
    assert action["endTime"] == run["ended_utc"].replace("Z", "+00:00")
    assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert "error" not in action
    assert action["agent"]["name"] == "Dr Evelyn Hyde"
    assert action["instrument"]["name"] == "segtrail"
    assert action["instrument"]["softwareVersion"] == run["segtrail_version"]
    versions = {one["name"]: one["softwareVersion"] for one in action["instrument"]["softwareRequirements"]}
    assert versions["PyTorch"] == run["environment"]["torch"]
    assert {"checkpoints/best.pt", "metrics_cases.csv", "history.csv", "report.pdf"} <= {
        entity["name"] for entity in action["result"]
    }


def test_environment_variables_on_record_are_told(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    change_state(run_dir)
    place = run_dir / "provenance" / "provenance.json"
    provenance = json.loads(place.read_text(encoding="utf-8"))
    provenance["machine"]["environment_variables"] = {"OMP_NUM_THREADS": "3", "MKL_CBWR": "AVX2"}
    place.write_text(json.dumps(provenance), encoding="utf-8")
    [action] = read_crate(export(segtrail, run_dir, tmp_path / "out")).get_by_type("CreateAction")
    told = {variable["name"]: variable["value"] for variable in action["environment"]}
    assert told == {"OMP_NUM_THREADS": "3", "MKL_CBWR": "AVX2"}


@pytest.mark.requirement("EXP-09")
def test_the_data_set_is_told_and_its_files_are_not_in_the_crate(folder: Path, named_run_dir: Path) -> None:
    summary = json.loads((named_run_dir / "dataset_summary.json").read_text(encoding="utf-8"))
    [action] = read_crate(folder).get_by_type("CreateAction")
    configuration, data = action["object"]
    assert configuration["name"] == "config_resolved.yaml"
    assert data["identifier"] == f"sha256:{summary['fingerprint']}"
    assert data["license"]["name"] == "CC0"
    assert data["citation"] == "nobody"
    assert data["subjectOf"]["name"] == "dataset_summary.json"
    assert not [name for name in files_of(folder) if "images" in name]


@pytest.mark.requirement("EXP-09")
def test_the_run_in_the_crate_is_proven_true(segtrail: Command, folder: Path, named_run_dir: Path) -> None:
    result = segtrail("verify", folder / named_run_dir.name)
    assert result.exit_code == 0, result.stdout
    fingerprint = hashlib.sha256((named_run_dir / "manifest.json").read_bytes()).hexdigest()
    assert f"Fingerprint: {fingerprint}" in result.stdout
    assert read_crate(folder).root_dataset["identifier"] == f"sha256:{fingerprint}"


def test_the_crate_names_no_licence_of_its_own(folder: Path) -> None:
    licence = read_crate(folder).root_dataset["license"]
    assert licence["name"] == "No licence is on record"
    assert "on record as: CC0;" in licence["description"]


@pytest.mark.requirement("EXP-03")
def test_the_description_tells_nothing_of_the_machine(folder: Path, named_run_dir: Path) -> None:
    told = (folder / "ro-crate-metadata.json").read_text(encoding="utf-8")
    assert str(named_run_dir.parents[2]) not in told
    for name in {getpass.getuser(), platform.node()} - {"root", "localhost", ""}:
        assert not re.search(rf"\b{re.escape(name)}\b", told)


def test_the_same_run_gives_the_same_crate_and_is_left_where_it_is(
    segtrail: Command, folder: Path, named_run_dir: Path, tmp_path: Path
) -> None:
    again = segtrail("export", named_run_dir, "--to", "ro-crate", "--output", folder.parent, "--json")
    assert json.loads(again.stdout)["written"] is False
    assert files_of(export(segtrail, named_run_dir, tmp_path / "elsewhere")) == files_of(folder)


def test_addenda_and_what_a_kill_leaves_stay_out(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    change_state(run_dir)
    for name in (
        "addenda/note.json",
        "evaluations/a/evaluation.json",
        ".lock",
        ".run.json.x.tmp",
        ".DS_Store",
    ):
        (run_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (run_dir / name).write_bytes(b"")
    (run_dir / "checkpoints" / "last_next.pt").write_bytes(b"half")
    names = set(files_of(export(segtrail, run_dir, tmp_path / "out") / run_dir.name))
    assert "run.json" in names
    assert not [name for name in names if name.startswith(("addenda", "evaluations", ".")) or "_next" in name]


@pytest.mark.parametrize("status", ["interrupted", "failed"])
def test_a_run_that_did_not_reach_its_end_says_why(
    segtrail: Command, run_dir: Path, tmp_path: Path, status: str
) -> None:
    change_state(run_dir, status=status, ended_because="Ctrl-C came")
    [action] = read_crate(export(segtrail, run_dir, tmp_path / "out")).get_by_type("CreateAction")
    assert (action["actionStatus"], action["error"]) == (
        "http://schema.org/FailedActionStatus",
        "Ctrl-C came",
    )


def test_a_run_without_an_end_has_none_in_the_crate(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    change_state(run_dir, status="running", ended_utc=None, ended_because=None)
    crate = read_crate(export(segtrail, run_dir, tmp_path / "out"))
    [action] = crate.get_by_type("CreateAction")
    assert not {"endTime", "actionStatus", "error"} & set(action.properties())
    assert "The run is running." in action["description"]
    assert "The run is not sealed." in crate.root_dataset["description"]


def test_half_a_run_is_taken_as_it_is(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    state = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    bare = tmp_path / "bare" / state["run_id"]
    bare.mkdir(parents=True)
    few = {key: state[key] for key in ("schema_version", "run_id", "created_utc", "segtrail_version")}
    (bare / "run.json").write_text(json.dumps({**few, "status": "running"}), encoding="utf-8")
    [action] = read_crate(export(segtrail, bare, tmp_path / "out")).get_by_type("CreateAction")
    assert not {"object", "result"} & set(action.properties())


def test_a_shared_copy_gives_a_crate_without_persons_and_cases(
    segtrail: Command, named_run_dir: Path, run_dir: Path, tmp_path: Path
) -> None:
    shared = segtrail("export", run_dir, "--share", "--output", tmp_path / "shared")
    assert shared.exit_code == 0, shared.stderr
    [copy] = (tmp_path / "shared").iterdir()
    folder = export(segtrail, copy, tmp_path / "out")
    crate, told = read_crate(folder), (folder / "ro-crate-metadata.json").read_text(encoding="utf-8")
    assert crate.get_by_type("Person") == []
    assert "la_003" not in told
    summary = json.loads((named_run_dir / "dataset_summary.json").read_text(encoding="utf-8"))
    assert summary["fingerprint"] not in told
    assert segtrail("verify", folder / copy.name).exit_code == 0


def test_the_record_of_another_program_names_that_program(
    segtrail: Command, make_dataset: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_dataset(1)
    (tmp_path / "train.py").write_text("print('done')\n", encoding="utf-8")
    assert (
        segtrail("record", "--no-report", "--data", "data", "--", sys.executable, "train.py").exit_code == 0
    )
    [record] = (tmp_path / "outputs" / "runs").iterdir()
    folder = export(segtrail, record, tmp_path / "out")
    [action] = read_crate(folder).get_by_type("CreateAction")
    assert action["instrument"]["name"] == "train.py"
    assert action["object"]["subjectOf"]["name"] == "data_files.csv"
    hashed = hashlib.sha256((record / "data_files.csv").read_bytes()).hexdigest()
    assert action["object"]["identifier"] == f"sha256:{hashed}"
    told = (folder / "ro-crate-metadata.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in told
    assert sys.executable not in told
    assert "recorded by segtrail" in read_crate(folder).root_dataset["description"]


def test_a_damaged_run_leaves_no_crate(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    (run_dir / "checkpoints" / "best.pt").write_bytes(b"other weights")
    result = segtrail("export", run_dir, "--to", "ro-crate", "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "not those on record: checkpoints/best.pt was truncated or edited" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_is_gone_is_named(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    (run_dir / "history.csv").unlink()
    result = segtrail("export", run_dir, "--to", "ro-crate", "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "not those on record: history.csv is missing" in result.stderr


def test_a_link_out_of_the_run_is_refused(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("a secret", encoding="utf-8")
    try:
        (run_dir / "examples" / "more.txt").symlink_to(tmp_path / "secret.txt")
    except OSError:
        pytest.skip("this system lets nobody make links")
    result = segtrail("export", run_dir, "--to", "ro-crate", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "examples/more.txt in" in result.stderr
    assert "is a link" in result.stderr


def test_a_run_of_a_later_version_is_refused(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    change_state(run_dir, schema_version=2)
    result = segtrail("export", run_dir, "--to", "ro-crate", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "has schema_version 2; this segtrail reads up to 1" in result.stderr


def test_a_disk_without_room_is_told_before_anything_is_copied(
    segtrail: Command, named_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shutil import _ntuple_diskusage as usage

    monkeypatch.setattr("segtrail.record.disk.shutil.disk_usage", lambda _: usage(10**9, 10**9, 1_100_000))
    result = segtrail("export", named_run_dir, "--to", "ro-crate", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "GB will be needed" in result.stderr


def test_a_disk_that_fills_up_leaves_nothing(
    segtrail: Command, named_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("segtrail.export.ro_crate.export_crate.copy_and_hash", fail)
    result = segtrail("export", named_run_dir, "--to", "ro-crate", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "can't be copied: No space left on device. No part of a crate was left." in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_goes_away_meanwhile_is_named(
    segtrail: Command, named_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = RunFile("train_log.tmp2", "record", "A file.", "text/plain")
    monkeypatch.setattr("segtrail.export.ro_crate.export_crate.room_of_crate", lambda _: 0)
    monkeypatch.setattr("segtrail.export.ro_crate.export_crate.list_run_files", lambda _: [gone])
    result = segtrail("export", named_run_dir, "--to", "ro-crate", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "train_log.tmp2, a file of the run, went away while it was copied" in result.stderr


def test_without_the_package_the_sentence_names_the_extra_of_crates(
    segtrail: Command, named_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rocrate.rocrate", None)
    result = segtrail("export", named_run_dir, "--to", "ro-crate", "--output", tmp_path)
    assert result.exit_code == 2
    assert "pip install 'segtrail[ro-crate]'" in result.stderr
