import pytest

from segtrail.errors import InputError
from segtrail.record.disk import require_writable


def test_a_folder_that_is_not_there_is_made_and_left_empty(tmp_path):
    require_writable(tmp_path / "new" / "outputs", "paths.output_root", 1000)
    assert list((tmp_path / "new" / "outputs").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told_with_its_key(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"paths\.output_root=DIR"):
        require_writable(tmp_path / "file" / "outputs", "paths.output_root", 1000)


def test_a_folder_that_cannot_be_written_is_told_with_its_reason(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(InputError, match="can't be written: Permission denied"):
        require_writable(tmp_path, "paths.cache_root", 1000)


def test_a_disk_with_too_little_room_is_told_with_what_is_needed(tmp_path):
    with pytest.raises(InputError, match=r"GB left, but about 1000000\.00 GB will be needed"):
        require_writable(tmp_path, "paths.output_root", 1e15)


def test_a_folder_that_an_option_names_is_told_with_the_option(tmp_path):
    with pytest.raises(InputError, match=r"choose another disk with --to DIR\."):
        require_writable(tmp_path, "--to", 1e15)
