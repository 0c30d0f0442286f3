import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from segtrail.atomic import append_line, write_bytes, write_json, write_text, written_whole


@pytest.fixture
def old_file(tmp_path):
    """A file that is there already, alone in its folder."""
    path = tmp_path / "file.json"
    path.write_bytes(b"old")
    return path


@pytest.mark.requirement("REC-05")
@pytest.mark.parametrize("function", ["replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_content_and_no_rest(old_file, monkeypatch, function, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr(Path, function, refuse)
    with pytest.raises(type(error)):
        write_bytes(old_file, b"new")
    assert old_file.read_bytes() == b"old"
    assert list(old_file.parent.iterdir()) == [old_file]


@pytest.mark.requirement("REC-05")
def test_a_process_killed_before_the_rename_leaves_the_old_content(old_file):
    program = "import os, sys; from pathlib import Path; from segtrail.atomic import write_text; "
    program += "os.fsync = lambda _: os._exit(9); write_text(Path(sys.argv[1]), 'new')"
    done = subprocess.run([sys.executable, "-c", program, str(old_file)], check=False)
    assert done.returncode == 9
    assert old_file.read_bytes() == b"old"


def test_a_write_replaces_the_old_content_whole(old_file):
    write_bytes(old_file, b"new")
    assert old_file.read_bytes() == b"new"
    assert list(old_file.parent.iterdir()) == [old_file]


def test_text_is_utf_8_with_line_feeds_on_every_system(tmp_path):
    write_text(tmp_path / "file.txt", "Prüfung\nzwei\n")
    assert (tmp_path / "file.txt").read_bytes() == b"Pr\xc3\xbcfung\nzwei\n"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_json_cannot_hold_is_refused_and_the_old_content_stays(old_file, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(old_file, {"dice": value})
    assert old_file.read_bytes() == b"old"


def test_json_is_written_in_the_order_given(tmp_path):
    write_json(tmp_path / "file.json", {"b": [1, None], "a": "ä"})
    assert list(json.loads((tmp_path / "file.json").read_text(encoding="utf-8")).items()) == [
        ("b", [1, None]),
        ("a", "ä"),
    ]


def test_lines_are_appended_one_after_the_other(tmp_path):
    append_line(tmp_path / "log", "first")
    append_line(tmp_path / "log", "zwölf")
    assert (tmp_path / "log").read_bytes() == "first\nzwölf\n".encode()


def test_a_folder_that_is_not_there_is_an_error_and_stays_away(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "nowhere" / "file", b"new")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_written_in_pieces_comes_to_its_name_with_the_last(tmp_path):
    path = tmp_path / "file"
    with written_whole(path, 0o444) as stream:
        stream.write(b"one ")
        assert not path.exists()
        stream.write(b"two")
    assert path.read_bytes() == b"one two"
    assert path.stat().st_mode & 0o222 == 0


def test_pieces_that_end_in_an_error_leave_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "file") as stream:
        stream.write(b"one")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
