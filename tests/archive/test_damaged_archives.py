"""Archives that are damaged or made to do harm: what is wrong is named, and nothing is written."""

import io
import json
import stat
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segtrail.archive import opened_archive
from segtrail.archive.restore_run import RestoreRequest, restore_run
from segtrail.errors import SegtrailError
from segtrail.progress import Narrator
from segtrail.record.hashing import hash_file

Command = Callable[..., Any]
Members = list[tuple[zipfile.ZipInfo, bytes]]
Change = Callable[[Members], None]


def read_members(path: Path) -> Members:
    with zipfile.ZipFile(path) as packed:
        return [(entry, packed.read(entry)) for entry in packed.infolist()]


def pack(members: Members) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for entry, content in members:
            new = zipfile.ZipInfo(entry.filename, entry.date_time)
            new.external_attr, new.compress_type = entry.external_attr, entry.compress_type
            new.create_system = 3
            packed.writestr(new, content)
    return stream.getvalue()


def entry(name: str, mode: int = stat.S_IFREG | 0o644, kind: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr, made.compress_type = mode << 16, kind
    return made


def place_of(members: Members, name: str) -> int:
    return next(place for place, (known, _) in enumerate(members) if known.filename.endswith(name))


def replace(name: str, change: Callable[[bytes], bytes]) -> Change:
    def apply(members: Members) -> None:
        place = place_of(members, name)
        members[place] = (members[place][0], change(members[place][1]))

    return apply


def edit(change: Callable[[dict[str, Any]], object]) -> Change:
    """Edit archive.json, as somebody who packs the archive anew can."""

    def apply(content: bytes) -> bytes:
        values = json.loads(content)
        change(values)
        return json.dumps(values).encode()

    return replace("archive.json", apply)


def add(name: str, content: bytes = b"x", **of_entry: int) -> Change:
    return lambda members: members.append((entry(name, **of_entry), content))


def declare(path: str, n_bytes: int = 1) -> Change:
    return edit(lambda it: it["files"].append({"path": path, "bytes": n_bytes, "sha256": "0" * 64}))


def in_run(name: str, content: bytes = b"x", **of_entry: int) -> Change:
    def apply(members: Members) -> None:
        run_id = members[1][0].filename.partition("/")[0]
        members.append((entry(f"{run_id}/{name}", **of_entry), content))

    return apply


def both(*changes: Change) -> Change:
    return lambda members: [change(members) for change in changes] and None


DAMAGED = {
    "a byte of a checkpoint": (replace("best.pt", lambda it: it[:-1] + b"?"), "is damaged in {run}/checkpoints/best"),
    "a file taken out": (lambda them: them.pop(place_of(them, "train.log")) and None, "lacks {run}/train.log"),
    "a file added": (in_run("notes.txt"), "holds {run}/notes.txt, which archive.json does not name"),
    "many files added": (
        lambda them: [in_run(f"many/{number}")(them) for number in range(3000)] and None,
        "holds {run}/many/0, which archive.json does not name",
    ),
    "a file longer than declared": (
        replace("train.log", lambda it: it + b"more"),
        "holds {run}/train.log, which has",
    ),
    "no archive.json": (lambda them: them.pop(0) and None, "does not begin with archive.json"),
    "archive.json in the middle": (lambda them: them.insert(5, them.pop(0)), "does not begin with archive.json"),
    "archive.json that is no JSON": (replace("archive.json", lambda _: b"{"), "archive.json of {file} is damaged"),
    "archive.json nested too deep": (replace("archive.json", lambda _: b"[" * 200_000), "archive.json of {file} is"),
    "archive.json without files": (edit(lambda it: it.pop("files")), "was edited: files"),
    "a size that is text": (edit(lambda it: it["files"][0].update(bytes="9")), "was edited: files.0.bytes"),
    "another run's ID": (edit(lambda it: it.update(run_id="run_20200101_000000")), "archive.json does not name"),
    "an ID that leads out": (edit(lambda it: it.update(run_id="../../x")), "was edited: run_id"),
    "another fingerprint": (edit(lambda it: it.update(fingerprint="0" * 64)), "names another run, fingerprint or seal"),
    "another seal": (edit(lambda it: it.update(seal_sha256="0" * 64)), "names another run, fingerprint or seal"),
    "another hash": (edit(lambda it: it["files"][0].update(sha256="0" * 64)), "is damaged in {run}/"),
    "a file taken out of both": (
        both(
            lambda them: them.pop(place_of(them, "train.log")) and None,
            edit(lambda it: it.update(files=[one for one in it["files"] if one["path"] != "train.log"])),
        ),
        "does not hold: train.log is missing",
    ),
    "data that lead out": (
        edit(lambda it: it["data"]["files"][0].update(path="../x")),
        "it names ../x, which leads out",
    ),
    "a path that leads out": (both(declare("../../x"), in_run("../../x")), "leads out of the folder"),
    "a path that leads out beside the run": (add("../x"), "holds ../x, which leads out of the folder"),
    "an absolute path": (add("/tmp/x"), "holds /tmp/x, which is an absolute path"),
    "a drive letter": (add("C:/x"), "holds C:/x, which has a sign"),
    "backslashes": (add("run\\..\\..\\x"), "has a sign in its name that not every system allows"),
    "a name of a Windows device": (in_run("nul.txt"), "is a device on Windows"),
    "a name that ends in a dot": (in_run("a."), "ends in a dot or a space"),
    "names that differ in case": (in_run("TRAIN.log"), "which some systems take for one"),
    "a file in a file": (in_run("train.log/x"), "which lies in a file"),
    "a folder": (add("folder/"), "holds folder/, which is no file"),
    "a link": (in_run("link", b"/etc/passwd", mode=stat.S_IFLNK | 0o777), "holds {run}/link, which is a link"),
    "a device": (in_run("device", mode=stat.S_IFCHR | 0o644), "which is no file"),
    "a bomb": (
        both(declare("bomb", 50_000_000), in_run("bomb", bytes(50_000_000), kind=zipfile.ZIP_DEFLATED)),
        "holds {run}/bomb, which is compressed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), DAMAGED.values(), ids=list(DAMAGED))
def test_what_is_wrong_is_named_and_nothing_written(
    archived: Path,
    tmp_path: Path,
    change: Change,
    message: str,
    restore: Command,
    nothing_restored: Callable[[], bool],
) -> None:
    members = read_members(archived)
    change(members)
    bad = tmp_path / archived.name
    bad.write_bytes(pack(members))
    result = restore(bad)
    run_id = archived.name.partition(".")[0]
    assert result.exit_code == 1, result.stderr
    assert message.format(run=run_id, file=bad.name) in result.stderr
    assert "Traceback" not in result.stderr
    assert nothing_restored()


def test_an_archive_that_another_program_packed_anew_is_restored(
    archived: Path, tmp_path: Path, restore: Command
) -> None:
    bad = tmp_path / archived.name
    bad.write_bytes(pack(read_members(archived)))
    assert restore(bad).exit_code == 0


def test_a_name_that_is_there_twice_is_refused(archived: Path, tmp_path: Path, restore: Command) -> None:
    members = read_members(archived)
    bad = tmp_path / archived.name
    with pytest.warns(UserWarning, match="Duplicate name"):
        bad.write_bytes(pack([*members, members[2]]))
    result = restore(bad)
    assert result.exit_code == 1
    assert "which is there twice" in result.stderr


def test_entries_that_share_bytes_are_refused(archived: Path, tmp_path: Path, restore: Command) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr(entry("archive.json"), b"{}")
        packed.writestr(entry("a"), bytes(100_000))
        for name in ("b", "c", "d"):
            shared = entry(name)
            known = packed.getinfo("a")
            shared.header_offset, shared.CRC = known.header_offset, known.CRC
            shared.file_size = shared.compress_size = known.file_size
            packed.filelist.append(shared)
    bad = tmp_path / archived.name
    bad.write_bytes(stream.getvalue())
    result = restore(bad)
    assert result.exit_code == 1
    assert "says that it holds more bytes than it has" in result.stderr


def test_a_list_of_files_that_would_fill_the_memory_is_not_read(
    archived: Path, restore: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_archive, "_LARGEST_LIST_BYTES", 1000)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it is read"))
    result = restore(archived)
    assert result.exit_code == 1
    assert "more than any run has" in result.stderr


def test_an_encrypted_entry_is_refused(archived: Path, tmp_path: Path, restore: Command) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr(entry("archive.json"), b"{}")
        packed.filelist[0].flag_bits |= 1
    bad = tmp_path / archived.name
    bad.write_bytes(stream.getvalue())
    result = restore(bad)
    assert result.exit_code == 1
    assert "holds archive.json, which is encrypted" in result.stderr


def test_an_archive_of_a_later_version_is_refused(archived: Path, tmp_path: Path, restore: Command) -> None:
    members = read_members(archived)
    edit(lambda it: it.update(schema_version=2))(members)
    bad = tmp_path / archived.name
    bad.write_bytes(pack(members))
    result = restore(bad)
    assert result.exit_code == 2
    assert "has schema_version 2; this segtrail reads 1" in result.stderr


def test_what_an_archive_says_can_not_take_over_the_terminal(
    archived: Path, tmp_path: Path, restore: Command
) -> None:
    members = read_members(archived)
    edit(lambda it: it["retention"].update({"class": "\x1b[2Jstudy"}))(members)
    bad = tmp_path / archived.name
    bad.write_bytes(pack(members))
    result = restore(bad)
    assert result.exit_code == 0
    assert "Retention: \\x1b[2Jstudy, keep until 2036-01-01" in result.stdout


def test_keys_that_a_later_segtrail_adds_are_passed_over(
    archived: Path, tmp_path: Path, restore: Command
) -> None:
    members = read_members(archived)
    edit(lambda it: it.update(surprise=1))(members)
    later = tmp_path / archived.name
    later.write_bytes(pack(members))
    assert restore(later).exit_code == 0


@pytest.mark.parametrize(
    ("share", "message"),
    [
        (0.0, "is no archive of segtrail, or was cut off within archive.json"),
        (0.0003, "was cut off within archive.json"),
        (0.5, "was cut off within {run}/"),
        (0.9999, "was cut off or damaged behind its last part"),
    ],
)
def test_a_cut_is_named_by_the_part_that_it_is_in(
    archived: Path, tmp_path: Path, share: float, message: str, restore: Command
) -> None:
    content = archived.read_bytes()
    bad = tmp_path / archived.name
    bad.write_bytes(content[: int(share * len(content))])
    result = restore(bad)
    assert result.exit_code == 1
    assert message.format(run=archived.name.partition(".")[0]) in result.stderr


def test_every_part_can_be_the_one_that_is_cut(archived: Path, tmp_path: Path, restore: Command) -> None:
    with zipfile.ZipFile(archived) as packed:
        entries = packed.infolist()[1:]
    content = archived.read_bytes()
    bad = tmp_path / archived.name
    for part in (entries[0], entries[-1]):
        bad.write_bytes(content[: part.header_offset + 35])
        assert f"was cut off within {part.filename}." in restore(bad).stderr


def test_an_archive_larger_than_the_disk_is_refused_before_a_byte_is_written(
    archived: Path, restore: Command, nothing_restored: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    result = restore(archived)
    assert result.exit_code == 2
    assert "GB left" in result.stderr
    assert nothing_restored()


@settings(max_examples=40)
@given(data=st.data())
def test_an_archive_with_any_byte_changed_is_refused_or_restored_as_it_was(
    archived: Path, quick_run_dir: Path, data: st.DataObject
) -> None:
    content = bytearray(archived.read_bytes())
    with zipfile.ZipFile(archived) as packed:
        heads = [entry.header_offset + offset for entry in packed.infolist() for offset in range(30)]
    places = st.one_of(st.integers(0, len(content) - 1), st.sampled_from(heads), st.integers(-2500, -1))
    content[data.draw(places)] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / archived.name
        changed.write_bytes(content)
        try:
            run = restore_run(changed, RestoreRequest(Path(folder)), Narrator(io.StringIO())).path
        except SegtrailError:
            return
        for path in (path for path in quick_run_dir.rglob("*") if path.is_file()):
            assert hash_file(run / path.relative_to(quick_run_dir)) == hash_file(path)
        for path in [run, *run.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
