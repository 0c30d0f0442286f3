"""``segtrail runs`` prints what a search finds, in every form, and says how many there are."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from written_runs import Outputs, run_json, write_json

from segtrail.run_index.indexed_run import COLUMNS
from segtrail.run_index.read_folder import read_folder
from segtrail.run_index.show_runs import USUAL, print_runs

Command = Callable[..., Any]
FIRST, SECOND, THIRD = (f"run_2026010{day}_000000" for day in (1, 2, 3))


class Terminal(io.StringIO):
    """A terminal that keeps what it shows."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def three(outputs: Outputs) -> Outputs:
    """Three runs."""
    outputs.add(FIRST, dice=0.7)
    outputs.add(SECOND, dice=0.9, note="=1+1")
    outputs.add(THIRD, dice=0.8)
    return outputs


def test_runs_are_listed_the_newest_first_with_their_number(three: Outputs, segtrail: Command) -> None:
    result = segtrail("runs", "--output-root", three.root)
    assert result.exit_code == 0
    heading, *lines = result.stdout.splitlines()
    assert heading.split()[:2] == ["Run", "ID"]
    assert [line.split()[0] for line in lines] == [THIRD, SECOND, FIRST]
    assert result.stderr.splitlines() == ["3 of 3 runs."]


def test_a_search_is_given_as_one_word_or_several(three: Outputs, segtrail: Command) -> None:
    for words in (["dice>0.7 dice<0.85"], ["dice>0.7", "dice<0.85"]):
        result = segtrail("runs", *words, "--output-root", three.root)
        assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == [THIRD]
        assert result.stderr.splitlines() == ["1 of 3 runs."]


def test_a_search_that_begins_with_a_minus_comes_after_two(three: Outputs, segtrail: Command) -> None:
    result = segtrail("runs", "--output-root", three.root, "--", "-dice>0.75")
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == [FIRST]


def test_json_holds_every_column_and_the_numbers(three: Outputs, segtrail: Command) -> None:
    result = segtrail("runs", "--output-root", three.root, "--sort", "dice", "--limit", 2, "--json")
    answer = json.loads(result.stdout)
    assert [run["dice"] for run in answer["runs"]] == [0.9, 0.8]
    assert {key: answer[key] for key in ("schema_version", "total", "n_indexed", "n_problems")} == {
        "schema_version": 1,
        "total": 3,
        "n_indexed": 3,
        "n_problems": 0,
    }
    assert set(answer["runs"][0]) == set(COLUMNS)


def test_csv_is_written_unrounded_and_without_formulas(
    three: Outputs, segtrail: Command, tmp_path: Path
) -> None:
    file = tmp_path / "runs.csv"
    options = ("--ascending", "--sort", "dice", "--columns", "run_id,dice,notes,sealed", "--csv", file)
    result = segtrail("runs", "--output-root", three.root, *options)
    assert result.stdout.splitlines() == [f"Written: {file}"]
    rows = list(csv.reader(io.StringIO(file.read_bytes().decode("utf-8"), newline="")))
    assert rows == [
        ["run_id", "dice", "notes", "sealed"],
        [FIRST, "0.7", "", "no"],
        [THIRD, "0.8", "", "no"],
        [SECOND, "0.9", "'=1+1", "no"],
    ]


def test_how_many_are_left_out_is_said_and_all_gives_them(three: Outputs, segtrail: Command) -> None:
    result = segtrail("runs", "--output-root", three.root, "--limit", 2)
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr.splitlines() == ["2 of 3 runs that match, of 3. --all gives all."]
    result = segtrail("runs", "--output-root", three.root, "--limit", 2, "--all")
    assert len(result.stdout.splitlines()) == 4


def test_runs_with_problems_are_counted_and_how_to_see_them_is_said(
    three: Outputs, segtrail: Command
) -> None:
    (three.runs / FIRST / "run.json").unlink()
    result = segtrail("runs", "--output-root", three.root)
    assert (
        'Not all could be read of 1 run: `segtrail runs "problem=*" --columns folder,problem`'
        in result.stderr
    )
    result = segtrail("runs", "problem=*", "--columns", "folder,problem", "--output-root", three.root)
    assert "run.json is missing." in result.stdout


def test_columns_are_added_with_a_plus(three: Outputs, segtrail: Command) -> None:
    result = segtrail("runs", "--output-root", three.root, "--columns", "+seed,+dice_low")
    assert [title in result.stdout for title in ("Run ID", "Notes", "Seed", "Dice from")] == [True] * 4


def test_rebuild_reads_all_again(three: Outputs, segtrail: Command) -> None:
    segtrail("runs", "--output-root", three.root)
    result = segtrail("runs", "--output-root", three.root, "--rebuild")
    assert result.stderr.splitlines() == ["3 of 3 runs."]


def test_the_index_is_kept_where_it_is_told(three: Outputs, segtrail: Command, tmp_path: Path) -> None:
    segtrail("runs", "--output-root", three.root, "--index-folder", tmp_path / "here")
    assert len(list((tmp_path / "here").glob("*.sqlite"))) == 1
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dcie>0.8"], "names 'dcie', which is no column; the nearest known one is dice"),
        (["--sort", "dcie"], "The sorting names 'dcie', which is no column; the nearest known one is dice"),
        (["--columns", "dcie"], "--columns names 'dcie', which is no column; the nearest known one is dice"),
        (["--limit", "0"], "--limit"),
        (["--csv", "x.csv", "--json"], "--json and --csv are given"),
        (["--output-root", "nowhere"], "There is no run in"),
        (["--csv", "nowhere/x.csv"], "can't be written"),
    ],
)
def test_what_can_not_be_done_is_refused_with_a_sentence(
    three: Outputs, segtrail: Command, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(three.root.parent)
    result = segtrail("runs", "--output-root", three.root, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_search_that_the_shell_took_apart_is_told(three: Outputs, segtrail: Command) -> None:
    result = segtrail("runs", "dice", "--output-root", three.root)
    assert "If you wrote dice>..., the shell made a file of it" in result.stderr


def test_controls_in_a_record_do_not_reach_a_terminal(outputs: Outputs) -> None:
    folder = outputs.add(FIRST)
    write_json(folder / "run.json", run_json(FIRST, "finished", "\x1b[2Jgone\nline two"))
    terminal = Terminal()
    print_runs([read_folder(folder).run], USUAL, terminal)
    assert "\x1b[2J" not in terminal.getvalue()
    assert "gone" in terminal.getvalue()


def test_a_search_imports_neither_torch_nor_monai(three: Outputs, tmp_path: Path) -> None:
    program = (
        "import sys; from segtrail.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: print(sorted({'torch', 'monai', 'matplotlib', 'nibabel'} & set(sys.modules)))"
    )
    arguments = ["runs", "--output-root", str(three.root), "--index-folder", str(tmp_path / "index")]
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines()[-1] == "[]"
