"""What lies in a data set's folder against what its description names."""

import os

import pytest

from segtrail.dataset.containment import is_file_inside, lies_inside

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")


def evidence(failed, check):
    return [finding.evidence for finding in failed[check].findings]


def test_files_that_the_description_does_not_name_are_listed(make_dataset, failed_checks):
    folder = make_dataset(2)
    for number in range(7):
        (folder.root / f"labelsTr/old_{number}.nii.gz").touch()
    failed = failed_checks(folder)
    assert evidence(failed, "stray-files") == [
        "labelsTr holds files that dataset.json does not name: old_0.nii.gz, old_1.nii.gz, old_2.nii.gz, "
        "old_3.nii.gz, old_4.nii.gz and 2 more"
    ]


def test_a_name_written_with_other_accents_or_case_is_no_stray_file(make_dataset, failed_checks):
    folder = make_dataset(1)
    folder.add_case("caf\u00e9")
    for part in ("imagesTr", "labelsTr"):
        (folder.root / part / "case_0.nii.gz").rename(folder.root / part / "CASE_0.nii.gz")
        (folder.root / part / "caf\u00e9.nii.gz").rename(folder.root / part / "cafe\u0301.nii.gz")
    assert "stray-files" not in failed_checks(folder)


def test_a_folder_that_can_not_be_looked_into_is_passed_over(make_dataset, failed_checks, monkeypatch):
    folder = make_dataset(1)
    (folder.root / "labelsTr/stray.nii.gz").touch()

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(folder.root), "iterdir", refuse)
    assert "stray-files" not in failed_checks(folder)


def test_images_under_test_that_are_not_there_are_a_note(make_dataset, failed_checks):
    folder = make_dataset(1)
    folder.write_volume("imagesTs/a.nii.gz", read_zeros())
    folder.save(test=["imagesTs/a.nii.gz", "imagesTs/b.nii.gz", "../c.nii.gz"])
    failed = failed_checks(folder)
    assert list(failed) == ["unlabelled"]
    assert failed["unlabelled"].severity == "note"
    assert evidence(failed, "unlabelled") == [
        "entry 3 of test in dataset.json: ../c.nii.gz lies outside the data set's folder",
        "1 of 2 files under test are not in the data set's folder: imagesTs/b.nii.gz",
    ]


def read_zeros():
    import numpy as np

    return np.zeros((4, 4, 4), np.uint8)


@needs_links
def test_a_link_that_leads_to_itself_is_a_file_that_can_not_be_read(make_dataset, failed_checks):
    folder = make_dataset(2)
    path = folder.root / "imagesTr/case_1.nii.gz"
    path.unlink()
    path.symlink_to("case_1.nii.gz")
    (sentence,) = evidence(failed_checks(folder), "files-readable")
    assert sentence.startswith("imagesTr/case_1.nii.gz can't be read")


@needs_links
def test_links_are_followed_to_tell_what_lies_inside(tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    (tmp_path / "secret").touch()
    (root / "own").touch()
    for name, target in (("out", "../secret"), ("in", "own"), ("loop", "loop")):
        (root / name).symlink_to(target)
    assert [lies_inside(root / name, root) for name in ("out", "in", "loop", "own")] == [
        False,
        True,
        True,
        True,
    ]
    assert [is_file_inside(root / name, root) for name in ("out", "in", "loop", "gone")] == [
        *(False, True, False, False)
    ]
