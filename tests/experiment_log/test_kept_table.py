"""``segtrail log --write`` keeps a table in a Markdown file: nothing that a person wrote or a run left is lost."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
AddRun = Callable[..., Path]
FIRST, SECOND, THIRD = (f"run_2026010{day}_000000" for day in (1, 2, 3))
BEGIN, END = "<!-- segtrail log: begin -->", "<!-- segtrail log: end -->"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Where the table is kept; there is none yet."""
    return tmp_path / "EXPERIMENTS.md"


@pytest.fixture
def write(outputs: Path, table: Path, segtrail: Command) -> Callable[..., Any]:
    """Write the table."""
    return lambda *options: segtrail("log", "--output-root", outputs, "--write", table, *options)


def row_of(table: Path, run_id: str) -> str:
    (line,) = [
        line for line in table.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {run_id}")
    ]
    return line


def test_a_new_file_has_a_heading_and_the_table(table: Path, add_run: AddRun, write: Command) -> None:
    add_run(FIRST)
    add_run(SECOND)
    result = write()
    assert result.exit_code == 0, result.stderr
    lines = table.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# Experiments"
    assert lines[2] == BEGIN
    assert lines[-1] == END
    assert [line[2:21] for line in lines if line.startswith("| run_")] == [SECOND, FIRST]


def test_the_same_folders_give_the_same_bytes(table: Path, add_run: AddRun, write: Command) -> None:
    add_run(FIRST, note="two\nlines | and <!-- segtrail log: end --> \\")
    write()
    before = table.read_bytes()
    write()
    assert table.read_bytes() == before
    table.unlink()
    write()
    assert table.read_bytes() == before


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "# Ours\n\nWhat we tried.\n\n", "no blank line\n"])
@pytest.mark.parametrize("behind", ["", "\n## Outcome\n\nnone\n", "no line end"])
def test_what_a_person_wrote_around_the_block_stays(
    table: Path, add_run: AddRun, write: Command, before: str, behind: str, newline: str
) -> None:
    before, behind = before.replace("\n", newline), behind.replace("\n", newline)
    table.write_bytes(f"{before}{BEGIN}{newline}old{newline}{END}{newline}{behind}".encode())
    add_run(FIRST)
    assert write().exit_code == 0
    text = table.read_bytes().decode("utf-8")
    assert text.startswith(f"{before}{BEGIN}{newline}")
    assert text.endswith(f"{newline}{END}{newline}{behind}")
    assert FIRST in text
    assert newline == "\n" or text.count("\n") == text.count("\r\n")


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\n\n", "a\r\n"])
def test_a_file_without_a_block_gets_one_at_its_end(
    table: Path, add_run: AddRun, write: Command, text: str
) -> None:
    table.write_bytes(text.encode())
    add_run(FIRST)
    write()
    assert table.read_bytes().decode("utf-8").startswith(text)
    assert table.read_bytes().decode("utf-8").rstrip().endswith(END)
    before = table.read_bytes()
    write()
    assert table.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [f"{BEGIN}\n", f"mine\n{END}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n"],
    ids=["no end", "no begin", "turned round", "two"],
)
def test_a_broken_block_is_refused_and_the_file_left(
    table: Path, add_run: AddRun, write: Command, text: str
) -> None:
    table.write_text(text, encoding="utf-8")
    add_run(FIRST)
    result = write()
    assert result.exit_code == 2
    assert "nobody can say what is to be replaced" in result.stderr
    assert table.read_text(encoding="utf-8") == text


def test_a_row_outlives_its_folder_and_is_marked(
    table: Path, outputs: Path, add_run: AddRun, write: Command
) -> None:
    add_run(FIRST, note="a | b")
    add_run(SECOND)
    write()
    before = row_of(table, FIRST)
    shutil.rmtree(outputs / "runs" / FIRST)
    for _ in range(2):
        write()
        assert row_of(table, FIRST) == before.replace(FIRST, f"{FIRST} (gone)")
    add_run(FIRST, note="a | b")
    write()
    assert row_of(table, FIRST) == before
    assert "(gone)" not in table.read_text(encoding="utf-8")


def test_a_run_that_was_damaged_keeps_its_earlier_row(
    table: Path, outputs: Path, add_run: AddRun, write: Command
) -> None:
    add_run(FIRST)
    write()
    before = row_of(table, FIRST)
    (outputs / "runs" / FIRST / "metrics_summary.json").write_text("{", encoding="utf-8")
    result = write()
    assert f"Not all could be read of {FIRST}" in result.stderr
    assert row_of(table, FIRST) == before.replace(FIRST, f"{FIRST} (unreadable)")


def test_the_columns_of_the_file_stay_unless_others_are_named(
    table: Path, add_run: AddRun, write: Command
) -> None:
    add_run(FIRST)
    write("--columns", "run_id,seed")
    write()
    assert row_of(table, FIRST) == f"| {FIRST} | 0 |"
    write("--columns", "+status")
    assert row_of(table, FIRST) == f"| {FIRST} | 0 | finished |"


def test_a_column_is_not_taken_from_a_row_whose_folder_is_gone(
    table: Path, outputs: Path, add_run: AddRun, write: Command
) -> None:
    add_run(FIRST)
    add_run(SECOND)
    write()
    shutil.rmtree(outputs / "runs" / FIRST)
    before = table.read_bytes()
    result = write("--columns", "run_id,epochs,patch_size,learning_rate,dice,notes")
    assert result.exit_code == 2
    assert f"has status of {FIRST}, whose folder is gone, and would lose that" in result.stderr
    assert table.read_bytes() == before
    assert write("--columns", "+seed").exit_code == 0
    assert row_of(table, FIRST).endswith("|  |")


@pytest.mark.parametrize(
    ("heading", "row", "words"),
    [
        ("| Run ID | Outcome |", "| run_1 | good |", "has a column 'Outcome'"),
        ("| Run ID | Dice |", "| run_1 | 0.9 | good |", "has 3 cells where its heading has 2"),
        ("| Dice |", "| 0.9 |", "with Run ID among them"),
    ],
)
def test_a_table_that_was_edited_and_would_lose_that_is_refused(
    table: Path, add_run: AddRun, write: Command, heading: str, row: str, words: str
) -> None:
    text = f"{BEGIN}\n{heading}\n| --- |\n{row}\n{END}\n"
    table.write_text(text, encoding="utf-8")
    add_run(FIRST)
    result = write()
    assert result.exit_code == 2
    assert words in result.stderr
    assert table.read_text(encoding="utf-8") == text


def test_a_table_without_run_ids_is_not_kept(table: Path, add_run: AddRun, write: Command) -> None:
    add_run(FIRST)
    result = write("--columns", "dice")
    assert result.exit_code == 2
    assert "tells its rows by run_id" in result.stderr
    assert not table.exists()


def test_a_file_that_can_not_be_a_table_is_told(
    table: Path, outputs: Path, add_run: AddRun, segtrail: Command, tmp_path: Path
) -> None:
    add_run(FIRST)
    table.write_bytes(b"\xff\xfe")
    (tmp_path / "folder").mkdir()
    for path, words in (
        (table, "is no text in UTF-8"),
        (tmp_path / "folder", "can't be read"),
        (tmp_path / "nowhere" / "LOG.md", "There is no folder"),
    ):
        result = segtrail("log", "--output-root", outputs, "--write", path)
        assert result.exit_code == 2
        assert words in result.stderr
    assert table.read_bytes() == b"\xff\xfe"


def test_without_a_run_a_table_is_left_as_it_is(
    table: Path, outputs: Path, add_run: AddRun, write: Command
) -> None:
    add_run(FIRST)
    write()
    before = table.read_bytes()
    shutil.rmtree(outputs / "runs" / FIRST)
    assert write().exit_code == 2
    assert table.read_bytes() == before
