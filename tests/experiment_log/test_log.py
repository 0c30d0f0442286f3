"""The experiment log lists every run folder with what its record says, and tells what it can't read."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.experiment_log.columns import COLUMNS
from segtrail.experiment_log.csv_format import as_csv
from segtrail.experiment_log.make_log import Log, Row
from segtrail.experiment_log.markdown import escape, split_line, table_lines
from segtrail.experiment_log.terminal import print_log

Command = Callable[..., Any]
AddRun = Callable[..., Path]
FIRST, SECOND, THIRD = (f"run_2026010{day}_000000" for day in (1, 2, 3))
NOTES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def listed(segtrail: Command, outputs: Path, *options: object) -> dict[str, Any]:
    result = segtrail("log", "--output-root", outputs, "--json", *options)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def log_of(notes: str) -> Log:
    """A log of one run with one note."""
    columns = [COLUMNS["run_id"], COLUMNS["notes"], COLUMNS["dice"]]
    values = {"run_id": FIRST, "notes": [{"text": notes}], "dice": 0.123456789}
    return Log(columns, [Row(FIRST, FIRST, values, ())], {})


class Terminal(io.StringIO):
    """A terminal that keeps what it shows."""

    def isatty(self) -> bool:
        return True


def test_a_row_says_what_the_record_of_a_run_says(outputs: Path, add_run: AddRun, segtrail: Command) -> None:
    run = add_run(FIRST)
    (row,) = listed(segtrail, outputs)["runs"]
    summary = json.loads((run / "metrics_summary.json").read_text(encoding="utf-8"))
    assert row["dice"] == summary["splits"]["val"]["ball"]["metrics"]["dice"]["mean"]
    assert {key: value for key, value in row.items() if key not in ("dice", "notes")} == {
        "run_id": FIRST,
        "status": "finished",
        "epochs": {"main": 2},
        "patch_size": {"main": [16, 16, 8]},
        "learning_rate": {"main": 0.01},
        "problems": [],
    }
    assert [note["text"] for note in row["notes"]] == ["a note"]


def test_the_definition_of_the_dice_is_that_of_the_record(
    outputs: Path, add_run: AddRun, segtrail: Command
) -> None:
    run = add_run(FIRST)
    summary = json.loads((run / "metrics_summary.json").read_text(encoding="utf-8"))
    assert listed(segtrail, outputs)["definitions"] == {
        "dice": [summary["definitions"]["dice"]["definition"]]
    }


def test_each_stage_of_a_run_of_two_has_its_own_values(
    outputs: Path, add_run: AddRun, staged_run_dir: Path, segtrail: Command
) -> None:
    add_run(FIRST, staged_run_dir)
    (row,) = listed(segtrail, outputs, "--columns", "+seed,+spacing")["runs"]
    assert row["epochs"] == {"coarse": 16, "fine": 8}
    assert row["spacing"]["coarse"] == [2, 2, 4]
    assert row["seed"] == 0
    printed = segtrail("log", "--output-root", outputs).stdout.splitlines()[1]
    assert "16 + 8" in printed
    assert "0.01" in printed
    assert "0.01 + 0.01" not in printed


def test_every_column_can_be_asked_for(outputs: Path, add_run: AddRun, segtrail: Command) -> None:
    add_run(FIRST, operator="Ada Lovelace", parent={"run_id": SECOND, "fingerprint": None})
    (row,) = listed(segtrail, outputs, "--columns", ",".join(COLUMNS))["runs"]
    empty = {name for name in COLUMNS if row[name] is None}
    assert empty == {"signed_off"}
    assert row["cases"] == {"train": 2, "val": 2, "test": 1}
    assert set(row["nsd"]) == {"nsd_1mm", "nsd_2mm"}
    assert row["parent"] == SECOND


def test_runs_are_listed_the_newest_first(outputs: Path, add_run: AddRun, segtrail: Command) -> None:
    for run_id in (SECOND, FIRST, THIRD):
        add_run(run_id)
    assert [row["run_id"] for row in listed(segtrail, outputs)["runs"]] == [THIRD, SECOND, FIRST]


def test_notes_and_sign_offs_are_listed(
    outputs: Path, add_run: AddRun, segtrail: Command, quick_run_dir: Path
) -> None:
    from run_copies import copy_run

    run = copy_run(quick_run_dir, outputs / "runs" / quick_run_dir.name)
    segtrail("note", run, "kept", "--name", "Grace Hopper")
    segtrail("signoff", run, "--name", "Ada Lovelace", "--meaning", "reviewed")
    other = add_run(FIRST)
    for path in (run / "addenda").iterdir():
        (other / "addenda" / path.name).write_bytes(path.read_bytes())
    (other / "manifest.json").write_bytes((other / "manifest.json").read_bytes() + b"\n")
    rows = listed(segtrail, outputs, "--columns", "run_id,notes,signed_off,sealed")["runs"]
    assert [(note["text"], note["written_by"]) for note in rows[0]["notes"]] == [
        ("a note", None),
        ("kept", "Grace Hopper"),
    ]
    assert [(one["name"], one["meaning"], one["is_of_this_run"]) for one in rows[0]["signed_off"]] == [
        ("Ada Lovelace", "reviewed", True)
    ]
    assert rows[1]["signed_off"][0]["is_of_this_run"] is False
    assert "manifest.json is not the one that was sealed" in rows[1]["problems"][0]


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_a_run_that_did_not_finish_is_a_row_with_what_is_known(
    outputs: Path, add_run: AddRun, segtrail: Command, status: str
) -> None:
    run = add_run(FIRST, status=status)
    for name in ("metrics_summary.json", "history.csv", "manifest.json", "journal.jsonl"):
        (run / name).unlink()
    (row,) = listed(segtrail, outputs, "--columns", "+sealed")["runs"]
    assert (row["status"], row["epochs"], row["dice"], row["sealed"]) == (status, {"main": 0}, None, False)
    assert row["problems"] == []


def damage(name: str, content: bytes | None) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / name).unlink()
        if content is not None:
            (run / name).write_bytes(content)

    return change


@pytest.mark.parametrize(
    ("change", "words", "status"),
    [
        (damage("run.json", None), "run.json is missing", "unreadable"),
        (damage("run.json", b"{"), "is not valid JSON", "unreadable"),
        (damage("run.json", b"[" * 100_000), "no JSON that can be read", "unreadable"),
        (damage("run.json", b'{"schema_version": 2}'), "this segtrail reads up to 1", "unreadable"),
        (damage("run.json", b"\xff\xfe"), "not text in UTF-8", "unreadable"),
        (damage("metrics_summary.json", None), "metrics_summary.json is missing", "finished"),
        (damage("metrics_summary.json", b"{}"), "schema_version", "finished"),
        (damage("config_resolved.yaml", b"a: ["), "not valid YAML", "finished"),
        (damage("config_resolved.yaml", b"[" * 100_000), "not valid YAML", "finished"),
        (damage("config_resolved.yaml", b"- " * 100_000), "not valid YAML", "finished"),
        (damage("history.csv", b"\xff\n"), "history.csv is damaged", "finished"),
        (damage("journal.jsonl", b'{"action":"sealed"}\n'), "no entry of a journal", "finished"),
    ],
)
def test_a_damaged_file_leaves_a_gap_and_is_named_on_one_line(
    outputs: Path,
    add_run: AddRun,
    segtrail: Command,
    change: Callable[[Path], None],
    words: str,
    status: str,
) -> None:
    add_run(SECOND)
    change(add_run(FIRST))
    result = segtrail("log", "--output-root", outputs)
    assert result.exit_code == 0, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Not all could be read of {FIRST}: ")
    assert words in line
    assert [row["status"] for row in listed(segtrail, outputs)["runs"]] == ["finished", status]


def test_values_that_are_none_of_a_configuration_are_left_out(
    outputs: Path, add_run: AddRun, segtrail: Command
) -> None:
    run = add_run(FIRST)
    config = "optim: {lr: .nan}\npatch: {patch_size: {a: 1}}\nstages: 3\n"
    (run / "config_resolved.yaml").write_text(config, encoding="utf-8")
    (row,) = listed(segtrail, outputs)["runs"]
    assert (row["learning_rate"], row["patch_size"]) == (None, None)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among its files")
def test_a_pipe_in_place_of_a_file_does_not_stop_the_log(
    outputs: Path, add_run: AddRun, segtrail: Command
) -> None:
    run = add_run(FIRST)
    (run / "run.json").unlink()
    os.mkfifo(run / "run.json")
    (row,) = listed(segtrail, outputs)["runs"]
    assert row["problems"] == ["run.json is no file."]


@pytest.mark.usefixtures("binding_permissions")
@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_a_folder_without_rights_is_a_row(outputs: Path, add_run: AddRun, segtrail: Command) -> None:
    run = add_run(FIRST)
    run.chmod(0)
    result = segtrail("log", "--output-root", outputs, "--json")
    run.chmod(0o755)
    assert result.exit_code == 0, result.stderr
    (row,) = json.loads(result.stdout)["runs"]
    assert row["status"] == "unreadable"
    assert "Permission denied" in row["problems"][0]


def test_what_is_no_run_is_passed_over_and_a_renamed_run_is_not(
    outputs: Path, add_run: AddRun, segtrail: Command
) -> None:
    add_run(FIRST).rename(outputs / "runs" / "the best one")
    (outputs / "runs" / "notes").mkdir()
    (outputs / "runs" / ".DS_Store").touch()
    (outputs / "runs" / "run_list.txt").touch()
    assert [row["run_id"] for row in listed(segtrail, outputs)["runs"]] == [FIRST]


def test_a_run_in_two_folders_is_told(outputs: Path, add_run: AddRun, segtrail: Command) -> None:
    add_run(FIRST).rename(outputs / "runs" / "a copy")
    add_run(FIRST)
    result = segtrail("log", "--output-root", outputs)
    assert result.stderr == f"{FIRST} lies in several folders: a copy, {FIRST}.\n"
    assert len(result.stdout.splitlines()) == 3


def test_without_a_run_it_says_so(outputs: Path, segtrail: Command) -> None:
    result = segtrail("log", "--output-root", outputs)
    assert result.exit_code == 2
    assert "There is no run in" in result.stderr


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("fingerprnt", "the nearest known one is fingerprint"),
        ("+sede", "the nearest known one is seed"),
        ("zzz", "known ones: run_id, "),
        ("run_id,+seed", "each with a plus"),
        (",", "each with a plus"),
    ],
)
def test_columns_that_are_none_are_refused_with_the_nearest(
    outputs: Path, add_run: AddRun, segtrail: Command, columns: str, words: str
) -> None:
    add_run(FIRST)
    result = segtrail("log", "--output-root", outputs, "--columns", columns)
    assert result.exit_code == 2
    assert words in result.stderr


def test_only_one_format_is_printed(outputs: Path, segtrail: Command) -> None:
    for options in (["--json", "--format", "csv"], ["--write", outputs / "LOG.md", "--format", "csv"]):
        result = segtrail("log", "--output-root", outputs, *options)
        assert result.exit_code == 2
        assert "--format csv" in result.stderr


def test_a_log_on_no_terminal_is_one_uncut_line_for_each_run(
    outputs: Path, add_run: AddRun, segtrail: Command
) -> None:
    note = "long " * 300 + "end"
    add_run(FIRST, note=f"{note}\nand a second line")
    result = segtrail("log", "--output-root", outputs)
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(f"{note} / and a second line")


@pytest.mark.parametrize("width", [200, 80, 60, 30])
def test_a_log_fits_the_terminal_and_loses_nothing(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = Terminal()
    print_log(log_of("a note of some words that is wrapped, [bold]not read as markup"), terminal)
    shown = terminal.getvalue()
    assert FIRST in shown
    assert "0.1235" in shown
    assert "[bold]not" in shown.replace("\n", "")
    if width >= 60:
        assert max(map(len, shown.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())) <= width


def test_csv_on_standard_output_has_the_line_ends_of_rfc_4180(
    outputs: Path, add_run: AddRun, segtrail: Command
) -> None:
    add_run(FIRST)
    result = segtrail("log", "--output-root", outputs, "--format", "csv")
    assert result.stdout.count("\r\n") == result.stdout.count("\n") == 2


@given(NOTES)
def test_csv_gives_every_note_back_and_no_formula(notes: str) -> None:
    rows = list(csv.reader(io.StringIO(as_csv(log_of(notes)), newline="")))
    assert rows[0] == ["run_id", "notes", "dice"]
    run_id, cell, dice = rows[1]
    assert (run_id, float(dice)) == (FIRST, 0.123456789)
    assert not cell.startswith(("=", "+", "-", "@"))
    expected = log_of(notes).texts(log_of(notes).rows[0])[1]
    assert cell in (expected, f"'{expected}")


@pytest.mark.parametrize("note", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_a_note_that_would_be_a_formula_gets_an_apostrophe(note: str) -> None:
    rows = list(csv.reader(io.StringIO(as_csv(log_of(note)), newline="")))
    assert rows[1][1] == f"'{note}"


@given(NOTES, NOTES)
def test_a_markdown_cell_stays_one_cell_of_one_line(first: str, second: str) -> None:
    cells = [escape(first), escape(second)]
    *_, line = table_lines(["A", "B"], [cells])
    assert "\n" not in line.replace("\r", "")
    assert split_line(line) == [cell.strip() for cell in cells]


def test_markdown_escapes_bars_line_breaks_and_comments() -> None:
    assert escape("a | b\nc <!-- segtrail log: end --> \\") == r"a \| b<br>c \<!-- segtrail log: end --\> \\"


def test_the_log_imports_neither_torch_nor_numpy(outputs: Path, add_run: AddRun) -> None:
    add_run(FIRST)
    code = (
        "import sys\nfrom segtrail.cli import main\n"
        f"try:\n    main(['log', '--output-root', {str(outputs)!r}])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'monai', 'numpy', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
