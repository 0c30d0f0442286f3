"""A journal tells when a line was changed, taken out, put in or moved."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.errors import InputError
from segtrail.record.journal import Journal, find_breaks, read_journal


def write_lines(path: Path, n: int) -> list[bytes]:
    journal = Journal(path, "Ada")
    for number in range(n):
        journal.write("event", value=number)
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.requirement("REC-02")
def test_lines_are_numbered_chained_and_carry_who_and_when(tmp_path: Path) -> None:
    write_lines(tmp_path / "journal.jsonl", 3)
    entries = read_journal(tmp_path / "journal.jsonl")
    assert [(entry.number, entry.actor, entry.details["value"]) for entry in entries] == [
        (1, "Ada", 0),
        (2, "Ada", 1),
        (3, "Ada", 2),
    ]
    assert all(entry.time_utc.endswith("Z") for entry in entries)
    assert [entry.previous for entry in entries[1:]] == [entry.sha256 for entry in entries[:-1]]
    assert find_breaks(entries) == []


def test_a_journal_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_lines(path, 2)
    Journal(path, None).write("later")
    entries = read_journal(path)
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert find_breaks(entries) == []


def test_a_line_that_a_kill_cut_is_dropped_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = write_lines(path, 3)
    path.write_bytes(b"".join(lines)[:-20])
    Journal(path, None).write("later")
    entries = read_journal(path)
    assert [entry.action for entry in entries] == ["event", "event", "line dropped", "later"]
    assert entries[2].details["bytes"] == len(lines[2]) - 20
    assert find_breaks(entries) == []


def test_a_journal_with_other_line_ends_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_lines(path, 3)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert find_breaks(read_journal(path)) == []


def test_a_journal_can_be_chained_to_another(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, None, "a" * 64).write("added")
    assert find_breaks(read_journal(path), "a" * 64) == []
    assert find_breaks(read_journal(path)) != []


@pytest.mark.requirement("REC-02")
@given(st.integers(0, 4), st.sampled_from(["edit", "remove", "repeat", "swap"]))
def test_every_change_of_a_line_breaks_the_chain_behind_it(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: str
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    lines = write_lines(path, 6)
    if change == "edit":
        lines[place] = lines[place].replace(b'"event"', b'"never"')
    elif change == "remove":
        del lines[place]
    elif change == "repeat":
        lines.insert(place, lines[place])
    else:
        lines[place], lines[place + 1] = lines[place + 1], lines[place]
    path.write_bytes(b"".join(lines))
    assert find_breaks(read_journal(path)) != []


def test_a_line_that_is_no_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = write_lines(path, 2)
    path.write_bytes(lines[0] + b"{}\n")
    with pytest.raises(InputError, match=r"Line 2 of journal\.jsonl is no entry"):
        read_journal(path)


def test_a_journal_of_a_later_version_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    values = json.loads(write_lines(path, 1)[0])
    path.write_text(json.dumps(values | {"schema_version": 9}) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="has schema_version 9"):
        Journal(path, None)


def test_a_line_that_does_not_fit_on_the_disk_leaves_the_journal_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, None)
    journal.write("event")
    before = path.read_bytes()

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", refuse)
        with pytest.raises(OSError, match="No space left"):
            journal.write("event")
    assert path.read_bytes() == before
    journal.write("failed", because="the disk was full")
    entries = read_journal(path)
    assert [entry.action for entry in entries] == ["event", "failed"]
    assert find_breaks(entries) == []
