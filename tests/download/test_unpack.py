"""Archives that try to reach outside their folder, or hold what a data set must not hold."""

import hashlib
import io
import json
import tarfile
from types import SimpleNamespace

import pytest

TASK = "Task04_Hippocampus"
DESCRIPTION = json.dumps(
    {
        "labels": {"0": "background", "1": "Anterior"},
        "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
    }
).encode()


def member(name, content=b"", kind=tarfile.REGTYPE, **changes):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(content)
    for attribute, value in changes.items():
        setattr(info, attribute, value)
    return info, content


GOOD = [
    member(TASK, kind=tarfile.DIRTYPE),
    member(f"{TASK}/dataset.json", DESCRIPTION),
    member(f"{TASK}/imagesTr/a.nii.gz", b"image"),
]


@pytest.fixture
def unpack(tmp_path, segtrail):
    """Unpack members from an archive that lies beside the folder to be; returns the command's result."""
    data = tmp_path / "data"

    def run(*members, content=None, compression=""):
        data.mkdir(exist_ok=True)
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode=f"w:{compression}") as tar:
            for info, payload in members:
                tar.addfile(info, io.BytesIO(payload))
        packed = stream.getvalue() if content is None else content(stream.getvalue())
        data.joinpath(f"{TASK}.tar").write_bytes(packed)
        return segtrail("data", "download", "4", "--to", data, "--md5", hashlib.md5(packed).hexdigest())

    return run


def everything_below(folder):
    kept = {f"{TASK}.tar", f".{TASK}.lock"}
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name not in kept}


def test_a_good_archive_is_unpacked(unpack, tmp_path):
    result = unpack(*GOOD)
    assert result.exit_code == 0, result.stderr
    assert f"Next: segtrail check {tmp_path / 'data' / TASK}" in result.stdout
    assert (tmp_path / "data" / TASK / "imagesTr/a.nii.gz").read_bytes() == b"image"


def test_names_may_begin_with_a_dot_and_files_of_macos_may_lie_anywhere(unpack, tmp_path):
    extra = [
        member(".", kind=tarfile.DIRTYPE),
        member(f"./._{TASK}", b"1"),
        member(f"./{TASK}/.DS_Store", b"2"),
    ]
    result = unpack(*extra, *[member(f"./{info.name}", content, info.type) for info, content in GOOD])
    assert result.exit_code == 0, result.stderr
    assert "left out: 2" in result.stdout
    assert {path.name for path in (tmp_path / "data" / TASK).iterdir()} == {"dataset.json", "imagesTr"}


@pytest.mark.requirement("DAT-06")
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (member("../x", b"1"), "leads out"),
        (member(f"{TASK}/../../x", b"1"), "leads out"),
        (member("../._x", b"1"), "leads out"),
        (member("/tmp/x", b"1"), "absolute"),
        (member("//server/share/x", b"1"), "absolute"),
        (member("C:\\x", b"1"), "not every system allows"),
        (member(f"{TASK}/C:x", b"1"), "not every system allows"),
        (member(f"{TASK}\\..\\..\\x", b"1"), "not every system allows"),
        (member(f"{TASK}/a\nb", b"1"), "not every system allows"),
        (member(f"{TASK}/.. /x", b"1"), "dot or a space"),
        (member(f"{TASK}/x", kind=tarfile.SYMTYPE, linkname="/etc/passwd"), "a link"),
        (member(f"{TASK}/x", kind=tarfile.SYMTYPE, linkname="dataset.json"), "a link"),
        (member(f"{TASK}/x", kind=tarfile.LNKTYPE, linkname=f"{TASK}/dataset.json"), "a link"),
        (member(f"{TASK}/x", kind=tarfile.CHRTYPE), "neither a file nor a folder"),
        (member(f"{TASK}/x", kind=tarfile.BLKTYPE), "neither a file nor a folder"),
        (member(f"{TASK}/x", kind=tarfile.FIFOTYPE), "neither a file nor a folder"),
        (member("Other/x", b"1"), f"under {TASK}/"),
        (member("x", b"1"), f"under {TASK}/"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[0].name),
)
@pytest.mark.parametrize("place", ["first", "last"])
def test_an_archive_that_could_do_harm_is_refused_whole(unpack, tmp_path, bad, reason, place):
    result = unpack(*([bad, *GOOD] if place == "first" else [*GOOD, bad]))
    assert result.exit_code == 1
    assert reason in result.stderr
    assert repr(bad[0].name) in result.stderr
    assert everything_below(tmp_path) == {"data"}


def test_an_archive_without_a_description_is_refused(unpack, tmp_path):
    result = unpack(GOOD[0], GOOD[2])
    assert result.exit_code == 1
    assert "dataset.json" in result.stderr
    assert everything_below(tmp_path) == {"data"}


@pytest.mark.parametrize(
    "damage",
    [lambda packed: packed[: len(packed) // 20], lambda _: b"<html>not found</html>", lambda _: b""],
    ids=["cut", "page", "empty"],
)
def test_what_is_no_whole_tar_is_refused(unpack, tmp_path, damage):
    result = unpack(*GOOD, content=damage)
    assert result.exit_code == 1
    assert "The archive of" in result.stderr
    assert everything_below(tmp_path) == {"data"}


def test_a_file_that_is_cut_leaves_nothing_unpacked(unpack, tmp_path):
    big = member(f"{TASK}/imagesTr/b.nii.gz", bytes(100_000))
    result = unpack(*GOOD, big, content=lambda packed: packed[:50_000])
    assert result.exit_code == 1
    assert everything_below(tmp_path) == {"data"}


def test_a_compressed_archive_is_refused(unpack):
    result = unpack(*GOOD, compression="gz")
    assert result.exit_code == 1
    assert "uncompressed" in result.stderr


def test_an_archive_larger_than_the_disk_is_refused_before_a_byte_is_written(unpack, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=200_000))
    result = unpack(*GOOD, member(f"{TASK}/bomb.nii", bytes(300_000)))
    assert result.exit_code == 2
    assert "GB left" in result.stderr
    assert everything_below(tmp_path) == {"data"}


def test_a_name_that_is_file_and_folder_at_once_leaves_nothing_unpacked(unpack, tmp_path):
    result = unpack(*GOOD, member(f"{TASK}/dataset.json/x", b"1"))
    assert result.exit_code == 2
    assert "can't be unpacked" in result.stderr
    assert everything_below(tmp_path) == {"data"}


def test_the_rest_of_a_killed_process_that_cannot_be_removed_is_not_mixed_in(unpack, tmp_path, monkeypatch):
    rest = tmp_path / "data" / f".{TASK}.unpacking" / TASK
    rest.mkdir(parents=True)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    result = unpack(*GOOD)
    assert result.exit_code == 2
    assert "can't be unpacked" in result.stderr
    assert not (tmp_path / "data" / TASK).exists()
