"""Scans that are remembered for as long as the files stay the same."""

import os

import numpy as np
import pytest

from segtrail.dataset.description import read_description
from segtrail.dataset.reading import scan_cache
from segtrail.dataset.reading.scan import scan_dataset
from segtrail.dataset.reading.scan_cache import ScanCache


@pytest.fixture
def read(make_dataset, tmp_path, monkeypatch):
    """Scan a data set of two cases through a cache; files count as settled at once."""
    monkeypatch.setattr(scan_cache, "_SETTLED_SECONDS", -1.0)
    folder = make_dataset(2)

    def scan(tolerance_mm=0.1, *, read_all=False):
        cache = ScanCache(tmp_path / "scans", read_all=read_all)
        return scan_dataset(read_description(folder.root), tolerance_mm, scan_one=cache.scan)

    scan.folder = folder
    return scan


def read_now(scans):
    return [scan.read_now for scan in scans]


def test_a_second_reading_remembers_everything(read):
    first, second = read(), read()
    assert (read_now(first), read_now(second)) == ([True, True], [False, False])
    assert first == second
    for view in ("image", "label", "coarse"):
        np.testing.assert_array_equal(getattr(first[0].quick_look, view), getattr(second[0].quick_look, view))


def test_findings_are_remembered_too(read):
    read.folder.add_case("empty", label=np.zeros((20, 18, 14), np.uint8))
    assert read()[2].findings == read()[2].findings != ()


def test_a_file_that_changed_is_read_again(read):
    read()
    path = read.folder.root / "imagesTr/case_1.nii.gz"
    before = path.stat()
    read.folder.write_volume("imagesTr/case_1.nii.gz", np.ones((20, 18, 14), np.int16))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert read_now(read()) == [False, True]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the time of creation there")
def test_a_change_that_hides_behind_an_old_time_and_size_is_seen(read):
    path = read.folder.root / "imagesTr/case_1.nii.gz"
    read()
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-6] ^= 1
    with path.open("r+b") as stream:
        stream.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert [finding.check for finding in read()[1].findings] == ["files-readable"]


def test_another_question_is_another_memory(read):
    read()
    assert read_now(read(tolerance_mm=5.0)) == [True, True]
    read.folder.save(labels={"0": "background", "1": "sphere"})
    assert read_now(read()) == [True, True]


@pytest.mark.skipif(os.name == "nt", reason="Windows asks for rights to make links")
def test_a_folder_of_links_has_findings_of_its_own(read, tmp_path):
    farm = tmp_path / "farm"
    for part in ("imagesTr", "labelsTr"):
        (farm / part).mkdir(parents=True)
        for file in (read.folder.root / part).iterdir():
            (farm / part / file.name).symlink_to(file)
    (farm / "dataset.json").write_bytes((read.folder.root / "dataset.json").read_bytes())
    read()
    linked = scan_dataset(read_description(farm), 0.1, scan_one=ScanCache(tmp_path / "scans").scan)
    assert {finding.check for scan in linked for finding in scan.findings} == {"files-inside"}
    assert [scan.findings for scan in read()] == [(), ()]


def test_other_rules_do_not_take_over_old_findings(read, monkeypatch):
    read()
    monkeypatch.setattr(scan_cache, "_hash_of_the_rules", lambda: "of another version")
    assert read_now(read()) == [True, True]


def test_all_is_read_on_demand_and_remembered_again(read):
    read()
    assert read_now(read(read_all=True)) == [True, True]
    assert read_now(read()) == [False, False]


def test_a_missing_file_is_never_remembered(read):
    path = read.folder.root / "labelsTr/case_0.nii.gz"
    content = path.read_bytes()
    path.unlink()
    assert read()[0].label is None
    path.write_bytes(content)
    assert read()[0].label is not None


def test_a_damaged_memory_is_read_over(read, tmp_path):
    read()
    for entry in (tmp_path / "scans").iterdir():
        entry.write_bytes(b"PK\3\4 nonsense")
    assert read_now(read()) == [True, True]
    assert read_now(read()) == [False, False]


def test_a_file_that_changed_a_moment_ago_is_not_remembered(read, monkeypatch):
    monkeypatch.setattr(scan_cache, "_SETTLED_SECONDS", 3600.0)
    read()
    assert read_now(read()) == [True, True]


def test_a_folder_that_can_not_be_written_is_no_hindrance(read, tmp_path):
    (tmp_path / "scans").write_text("a file where the folder should be", encoding="utf-8")
    assert read_now(read()) == [True, True]


def test_what_was_not_asked_for_in_months_is_forgotten(read, tmp_path):
    read()
    old, new = sorted((tmp_path / "scans").iterdir())
    os.utime(old, (0, 0))
    ScanCache(tmp_path / "scans").forget_unused()
    assert list((tmp_path / "scans").iterdir()) == [new]
