"""Paths that an archive names are laid out inside one folder, on every system, or refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.dataset.names import fault_of_path, fault_of_paths


@pytest.mark.parametrize("path", ["run.json", "imagesTr/la_004.nii.gz", "Herz/Bild ü.nii", "a/.hidden"])
def test_a_sound_path_has_no_fault(path: str) -> None:
    assert fault_of_path(path) is None


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/etc/passwd", "absolute"),
        ("//server/share", "absolute"),
        ("a/../../b", "leads out"),
        ("C:/x", "not every system allows"),
        ("a\\b", "not every system allows"),
        ("a\0b", "not every system allows"),
        ("a\u202eb", "not every system allows"),
        ("", "shortest form"),
        (".", "shortest form"),
        ("a//b", "shortest form"),
        ("a/./b", "shortest form"),
        ("a/", "shortest form"),
        ("a./b", "ends in a dot or a space"),
        ("a /b", "ends in a dot or a space"),
        ("a/NUL.txt", "device on Windows"),
        ("com1/x", "device on Windows"),
        ("ü" * 128, "longer than file systems take"),
    ],
)
def test_a_path_that_could_do_harm_or_that_some_system_does_not_take_is_told(path: str, fault: str) -> None:
    assert fault in (fault_of_path(path) or "")


@given(st.text(alphabet=st.sampled_from("a./\\:~ C\0"), max_size=12))
def test_a_path_without_fault_lies_inside_its_folder_and_is_itself_again(path: str) -> None:
    if fault_of_path(path) is None:
        root = Path.cwd()
        assert (root / path).resolve().is_relative_to(root.resolve())
        assert (root / path).relative_to(root).as_posix() == path


@pytest.mark.parametrize(
    ("paths", "fault"),
    [
        (["a", "b/c", "b/d"], None),
        (["a", "a"], "a, which is there twice"),
        (["a", "b/A", "b/a"], "some systems take for one"),
        (["A/x", "a/y"], "some systems take for one"),
        (["\u00fc", "u\u0308"], "some systems take for one"),
        (["a/b", "a"], "a/b, which lies in a file"),
        (["a", "../b"], "../b, which leads out"),
    ],
)
def test_files_that_can_not_lie_beside_each_other_are_told(paths: list[str], fault: str | None) -> None:
    assert (fault_of_paths(paths) is None) if fault is None else fault in (fault_of_paths(paths) or "")
