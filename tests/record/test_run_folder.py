import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from segtrail.errors import InputError
from segtrail.record.run_folder import RunFolder, find_run, read_json


def finished_run(output_root, name):
    path = output_root / "runs" / name
    path.mkdir(parents=True)
    run = RunFolder(path)
    run.write_state(status="running")
    return run


def test_runs_that_start_in_the_same_second_get_folders_of_their_own(tmp_path):
    barrier = Barrier(12)

    def create(_):
        barrier.wait()
        return RunFolder.create(tmp_path)

    with ThreadPoolExecutor(12) as pool:
        runs = list(pool.map(create, range(12)))
    names = [run.run_id for run in runs]
    assert len(set(names)) == 12
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(names)


def test_a_run_folder_is_named_by_utc_and_has_its_subfolders(tmp_path):
    run = RunFolder.create(tmp_path / "made" / "as needed")
    assert re.fullmatch(r"run_\d{8}_\d{6}", run.run_id)
    assert sorted(path.name for path in run.path.iterdir()) == ["checkpoints", "examples", "predictions"]


def test_a_file_in_the_way_of_the_runs_is_told(tmp_path):
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(InputError, match="can't be made"):
        RunFolder.create(tmp_path)


def test_an_output_root_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="can't be made"):
        RunFolder.create(tmp_path / "file" / "below")


def test_the_state_keeps_what_a_change_does_not_name(tmp_path):
    run = finished_run(tmp_path, "run_20260101_000000")
    run.write_state(seconds={"train": 1.0}, model={"name": "fast"})
    run.write_state(seconds={"report": 2.0}, status="finished")
    assert read_json(run.path / "run.json") == {
        "schema_version": 1,
        "run_id": "run_20260101_000000",
        "status": "finished",
        "seconds": {"train": 1.0, "report": 2.0},
        "model": {"name": "fast"},
    }


def test_the_end_says_how_when_and_why(tmp_path):
    run = finished_run(tmp_path, "run_20260101_000000")
    run.end("interrupted", "Ctrl-C came in epoch 2, step 3.")
    state = read_json(run.path / "run.json")
    assert (state["status"], state["ended_because"]) == ("interrupted", "Ctrl-C came in epoch 2, step 3.")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", state["ended_utc"])


def test_a_run_is_found_by_its_folder_its_id_and_as_the_latest(tmp_path, monkeypatch):
    first = finished_run(tmp_path, "run_20260101_000000")
    last = finished_run(tmp_path, "run_20260102_000000")
    (tmp_path / "runs" / "run_20260103_000000").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_run(str(first.path), tmp_path / "elsewhere").path == first.path
    assert find_run("runs/run_20260101_000000", tmp_path / "elsewhere").path == first.path
    assert find_run("run_20260101_000000", tmp_path).path == first.path
    assert find_run("latest", tmp_path).path == last.path


def test_a_run_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="There is no run in"):
        find_run("latest", tmp_path)
    with pytest.raises(InputError, match="run_1 is neither a run folder nor the ID of a run"):
        find_run("run_1", tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "has no run.json"),
        ("{", "can't be read"),
        ("[]", "another schema version"),
        (json.dumps({"schema_version": 2}), "another schema version"),
    ],
)
def test_a_record_that_cannot_be_read_is_told(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError) as caught:
        read_json(tmp_path / "run.json")
    assert sentence in str(caught.value)
