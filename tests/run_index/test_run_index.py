"""The index knows every folder of runs as it is now, whatever was done to folders or index."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from written_runs import Outputs, write_json

import segtrail
from run_copies import copy_run
from segtrail.errors import InputError
from segtrail.run_index import index as index_module
from segtrail.run_index import read_folder as reading
from segtrail.run_index.index import Refreshed, RunIndex
from segtrail.run_index.search import Search

Find = Callable[..., list[str]]
FIRST, SECOND, THIRD = (f"run_2026010{day}_000000" for day in (1, 2, 3))


def only_row(index: RunIndex) -> Any:
    index.refresh()
    (row,) = index.find(Search()).runs
    return row


def test_a_row_says_what_the_record_of_a_real_run_says(quick_run_dir: Path, tmp_path: Path) -> None:
    with RunIndex.open(quick_run_dir.parents[1], tmp_path / "index") as index:
        row = only_row(index)
    record = json.loads((quick_run_dir / "run.json").read_text(encoding="utf-8"))
    summary = json.loads((quick_run_dir / "metrics_summary.json").read_text(encoding="utf-8"))
    dice = summary["splits"]["val"]["ball"]["metrics"]["dice"]
    assert (row.path, row.run_id, row.created) == (quick_run_dir, quick_run_dir.name, record["created_utc"])
    assert (row.dice, [row.dice_low, row.dice_high]) == (dice["mean"], dice["interval"])
    assert (row.status, row.sealed, row.model, row.notes) == ("finished", True, "fast", "a note")
    assert (row.train_cases, row.val_cases, row.test_cases, row.n_cases) == (2, 2, 1, 2)
    assert (row.epochs, row.planned_epochs, row.seed, row.learning_rate) == (2, 2, 0, 0.01)
    assert (row.dataset, row.patch_size, row.nsd_tolerance_mm) == ("Balls", "16x16x8", 1.0)
    assert row.seconds == pytest.approx(sum(record["seconds"].values()))
    assert len(row.fingerprint) == 64
    assert row.problem is None


def test_a_running_training_is_a_row_with_its_progress(outputs: Outputs, index: RunIndex) -> None:
    outputs.add(FIRST, status="running", dice=None)
    row = only_row(index)
    assert (row.status, row.epochs, row.planned_epochs, row.latest_dice, row.dice) == (
        "running",
        2,
        2,
        0.25,
        None,
    )
    assert row.problem is None


def test_the_networks_of_two_stages_are_one_row(outputs: Outputs, index: RunIndex) -> None:
    stages = [{"stage": name, "name": name, "parameters": 10} for name in ("coarse", "fine")]
    outputs.add(FIRST, stages=stages)
    row = only_row(index)
    assert (row.model, row.parameters) == ("coarse + fine", 20)


def test_notes_and_sign_offs_that_come_later_are_taken_in(
    quick_run_dir: Path, outputs: Outputs, index: RunIndex, segtrail: Callable[..., Any]
) -> None:
    run = copy_run(quick_run_dir, outputs.runs / quick_run_dir.name)
    index.refresh()
    segtrail("note", run, "kept for the paper")
    segtrail("signoff", run, "--name", "Ada Lovelace", "--meaning", "reviewed")
    assert index.refresh() == Refreshed(0, 1, 0)
    row = only_row(index)
    assert row.notes == "a note\nkept for the paper"
    assert row.signed_off == "Ada Lovelace (reviewed)"


def test_what_is_new_changed_and_gone_is_told_and_nothing_else_is_read(
    outputs: Outputs, index: RunIndex
) -> None:
    first, second = outputs.add(FIRST), outputs.add(SECOND)
    assert index.refresh() == Refreshed(2, 0, 0)
    assert index.refresh() == Refreshed(0, 0, 0)
    outputs.add(THIRD)
    second.rename(second.with_name("run_renamed"))
    (first / "history.csv").unlink()
    assert index.refresh() == Refreshed(2, 1, 1)
    assert index.get(SECOND) is None
    renamed = index.get("run_renamed")
    assert renamed is not None
    assert (renamed.run_id, renamed.path) == (SECOND, outputs.runs / "run_renamed")


def test_an_edit_that_leaves_the_size_is_noticed(outputs: Outputs, found: Find) -> None:
    run = outputs.add(FIRST, note="kept")
    assert found("kept") == [FIRST]
    text = (run / "run.json").read_text(encoding="utf-8")
    (run / "run.json").write_text(text.replace("kept", "lost"), encoding="utf-8")
    assert found("kept") == []
    assert found("lost") == [FIRST]


def break_json(run: Path) -> None:
    (run / "run.json").write_text('{"schema_version": 1, "run_id"', encoding="utf-8")


def of_a_later_version(run: Path) -> None:
    content = json.loads((run / "run.json").read_text(encoding="utf-8"))
    write_json(run / "run.json", {**content, "schema_version": 2})


def half_a_run(run: Path) -> None:
    (run / "metrics_summary.json").unlink()


def without_record(run: Path) -> None:
    (run / "run.json").unlink()


def a_folder_for_a_file(run: Path) -> None:
    (run / "history.csv").unlink()
    (run / "history.csv").mkdir()


def no_utf8(run: Path) -> None:
    (run / "dataset_summary.json").write_bytes(b"\xff\xfe{}")


def broken_yaml(run: Path) -> None:
    (run / "config_resolved.yaml").write_text("train: [1\n", encoding="utf-8")


def nested_yaml(run: Path) -> None:
    (run / "config_resolved.yaml").write_text("train: " + "[" * 5000 + "]" * 5000, encoding="utf-8")


def a_broken_note(run: Path) -> None:
    (run / "addenda").mkdir()
    (run / "addenda" / "note_20260101_000000.json").write_text("[]", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "status", "words"),
    [
        (break_json, "unreadable", "run.json is damaged: line 1 is not valid JSON"),
        (of_a_later_version, "unreadable", "run.json has schema_version 2; this segtrail reads up to 1"),
        (without_record, "unreadable", "run.json is missing"),
        (half_a_run, "finished", "metrics_summary.json is missing"),
        (a_folder_for_a_file, "finished", "history.csv is no file"),
        (no_utf8, "finished", "dataset_summary.json is damaged: it is not text in UTF-8"),
        (broken_yaml, "finished", "config_resolved.yaml is damaged: it is not valid YAML"),
        (nested_yaml, "finished", "config_resolved.yaml is damaged: it is not valid YAML"),
        (a_broken_note, "finished", "addenda/note_20260101_000000.json can't be read"),
    ],
)
def test_a_damaged_run_is_a_row_that_says_what_is_wrong(
    outputs: Outputs, index: RunIndex, damage: Callable[[Path], None], status: str, words: str
) -> None:
    outputs.add(SECOND)
    damage(outputs.add(FIRST))
    index.refresh()
    found = index.find(Search())
    assert [run.folder for run in found.runs] == [SECOND, FIRST]
    assert (found.n_indexed, found.n_problems) == (2, 1)
    row = found.runs[1]
    assert (row.status, row.created) == (
        status,
        "2026-01-01T00:00:00Z" if status == "unreadable" else row.created,
    )
    assert row.problem is not None
    assert words in row.problem
    assert str(outputs.root) not in row.problem


def test_a_folder_that_is_no_run_is_listed_as_such(outputs: Outputs, index: RunIndex) -> None:
    outputs.add(FIRST)
    (outputs.runs / "scratch").mkdir()
    (outputs.runs / ".hidden").mkdir()
    (outputs.runs / "a_file.txt").write_text("", encoding="utf-8")
    index.refresh()
    runs = index.find(Search()).runs
    assert [run.folder for run in runs] == [FIRST, "scratch"]
    assert runs[1].problem == "scratch is no run: it has no run.json, manifest.json or journal.jsonl."


def test_values_that_no_database_takes_are_gaps(outputs: Outputs, index: RunIndex) -> None:
    run = outputs.add(FIRST, model={"name": "x", "parameters": 10**30}, stages=[], note="a\x00b\x1b[31m")
    (run / "history.csv").write_text("stage,epoch,val_dice,schema_version\nmain,1,nan,1\n", encoding="utf-8")
    row = only_row(index)
    assert (row.parameters, row.latest_dice) == (None, None)
    assert row.notes == "a\ufffdb\ufffd[31m"


def test_what_nobody_expected_of_a_folder_is_its_problem_alone(
    outputs: Outputs, index: RunIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs.add(FIRST)
    outputs.add(SECOND)
    real = reading._facts

    def fail(run: Any) -> Any:
        if run.folder.name == FIRST:
            raise LookupError("odd")
        return real(run)

    monkeypatch.setattr(reading, "_facts", fail)
    index.refresh()
    rows = {run.folder: run for run in index.find(Search()).runs}
    assert rows[SECOND].problem is None
    assert "LookupError: odd" in str(rows[FIRST].problem)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_unicode_is_listed(outputs: Outputs, index: RunIndex) -> None:
    outputs.add(FIRST)
    (outputs.runs / os.fsdecode(b"run_\xff")).mkdir()
    index.refresh()
    index.refresh()
    assert [run.folder for run in index.find(Search(sort="folder")).runs] == ["run_\\xff", FIRST]


def test_a_folder_that_vanishes_before_it_is_read_is_no_row(
    outputs: Outputs, index: RunIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs.add(FIRST)
    listed = index_module.folder_states
    monkeypatch.setattr(index_module, "folder_states", lambda runs: {**listed(runs), SECOND: "state"})
    index.refresh()
    assert [run.folder for run in index.find(Search()).runs] == [FIRST]


def test_run_folders_are_not_written(quick_run_dir: Path, tmp_path: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        paths = sorted(quick_run_dir.parent.rglob("*"))
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}

    before = state()
    with RunIndex.open(quick_run_dir.parents[1], tmp_path / "index") as index:
        index.rebuild()
    assert state() == before


def test_an_output_folder_without_runs_has_an_empty_index(index: RunIndex) -> None:
    assert index.refresh() == Refreshed(0, 0, 0)
    assert index.find(Search()).total == 0


def garbage(file: Path) -> None:
    file.write_bytes(b"this is no database" * 1000)


def cut(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def deleted(file: Path) -> None:
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()


def of_another_version(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 7")
        connection.execute("CREATE TABLE other (x)")
    connection.close()


def without_a_table(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE runs")
    connection.close()


@pytest.mark.parametrize("harm", [garbage, cut, deleted, of_another_version, without_a_table])
@pytest.mark.parametrize("refreshes", [True, False], ids=["refreshed", "searched"])
def test_an_index_that_can_not_be_used_is_made_anew(
    outputs: Outputs, index: RunIndex, tmp_path: Path, harm: Callable[[Path], None], refreshes: bool
) -> None:
    for _ in range(30):
        outputs.add(note="word " * 200)
    index.refresh()
    (file,) = (tmp_path / "index").glob("*.sqlite")
    harm(file)
    if refreshes:
        index.refresh()
    assert index.find(Search("word")).total == 30


def test_two_processes_that_index_at_once_find_the_same(outputs: Outputs, tmp_path: Path) -> None:
    for _ in range(40):
        outputs.add(note="kept")
    program = (
        "import sys; from pathlib import Path; from segtrail.run_index.index import RunIndex; "
        "from segtrail.run_index.search import Search; index = RunIndex.open(Path(sys.argv[1]), Path(sys.argv[2])); "
        "print(index.refresh().new, index.find(Search('kept')).total)"
    )
    command = [sys.executable, "-c", program, str(outputs.root), str(tmp_path / "index")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=120)[0].split() for process in processes]
    assert sorted(answers) == [["0", "40"], ["40", "40"]]


def test_threads_share_an_index(outputs: Outputs, index: RunIndex) -> None:
    for _ in range(20):
        outputs.add()

    def work(_: int) -> int:
        index.refresh()
        return index.find(Search("dice>0.5")).total

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(8))) == [20] * 8


def test_a_search_while_another_program_writes_sees_what_was_there(
    outputs: Outputs, index: RunIndex, tmp_path: Path
) -> None:
    outputs.add(FIRST)
    index.refresh()
    (file,) = (tmp_path / "index").glob("*.sqlite")
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM runs")
    assert index.find(Search()).total == 1
    writer.close()


def test_pages_make_up_the_whole(outputs: Outputs, index: RunIndex) -> None:
    for number in range(10):
        outputs.add(dice=None if number % 3 else 0.5)
    index.refresh()
    pages = [index.find(Search(sort="dice", limit=3, offset=first)) for first in range(0, 12, 3)]
    folders = [run.folder for page in pages for run in page.runs]
    assert folders == [run.folder for run in index.find(Search(sort="dice", limit=None)).runs]
    assert len(set(folders)) == 10
    assert {page.total for page in pages} == {10}


@pytest.mark.parametrize(("descending", "order"), [(True, [3, 1, 2]), (False, [1, 3, 2])])
def test_runs_without_a_value_come_last_in_both_directions(
    outputs: Outputs, found: Find, descending: bool, order: list[int]
) -> None:
    for day, dice in ((1, 0.2), (2, None), (3, 0.7)):
        outputs.add(f"run_2026010{day}_000000", dice=dice)
    assert found(sort="dice", descending=descending) == [f"run_2026010{day}_000000" for day in order]


def test_an_index_that_can_not_be_kept_lives_until_it_is_closed(
    outputs: Outputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs.add(FIRST)
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr("segtrail.run_index.database.user_cache_path", lambda *_, **__: tmp_path / "file")
    with RunIndex.open(outputs.root) as index:
        assert index.find(Search()).total == 1
        folder = index._database.path.parent
        assert folder.is_dir()
    assert not folder.exists()


def test_a_folder_for_the_index_that_can_not_be_written_is_refused(outputs: Outputs, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="The index of runs can't be kept in"):
        RunIndex.open(outputs.root, tmp_path / "file")


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such rights")
def test_nobody_else_can_read_the_index(outputs: Outputs, tmp_path: Path) -> None:
    outputs.add(FIRST)
    with RunIndex.open(outputs.root, tmp_path / "new" / "index") as index:
        index.refresh()
    files = list((tmp_path / "new" / "index").glob("*.sqlite*"))
    assert files
    assert {path.stat().st_mode & 0o077 for path in [*files, tmp_path / "new" / "index"]} == {0}


def test_runs_are_searched_from_python(outputs: Outputs) -> None:
    for day, dice in ((1, 0.7), (2, 0.9), (3, 0.8)):
        outputs.add(f"run_2026010{day}_000000", dice=dice)
    found = segtrail.find_runs("dice>0.7", outputs.root, sort="dice")
    assert [run.folder for run in found] == [SECOND, THIRD]
    assert found[0].path == outputs.runs / SECOND
