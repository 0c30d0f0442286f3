"""What a command line names, found: files, folders, data sets, patterns, channels."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segtrail.errors import InputError
from segtrail.inference.inputs import find_inputs


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def cases(*inputs: object, n_channels: int = 1) -> dict[str, list[str]]:
    found = find_inputs([str(path) for path in inputs], n_channels)
    return {image.case: [file.name for file in image.files] for image in found.images}


def test_a_folder_gives_its_images_by_name_without_hidden_ones_and_subfolders(tmp_path: Path) -> None:
    touch(tmp_path, "b.nii.gz", "a.nii", "._a.nii", ".c.nii.gz", "notes.txt", "deeper/d.nii.gz")
    assert cases(tmp_path) == {"a": ["a.nii"], "b": ["b.nii.gz"]}


def test_a_data_set_gives_labelled_and_unlabelled_cases(make_dataset: Callable[..., Any]) -> None:
    data = make_dataset(2)
    data.save(test=["./imagesTs/new.nii.gz", "./imagesTs/not_there.nii.gz"])
    touch(data.root, "imagesTs/new.nii.gz")
    for given in (data.root, data.root / "dataset.json"):
        found = find_inputs([str(given)], 1)
        assert [image.case for image in found.images] == ["case_0", "case_1", "new"]
        assert found.left_out == ("imagesTs/not_there.nii.gz",)


def test_a_pattern_that_the_shell_left_is_expanded(tmp_path: Path) -> None:
    touch(tmp_path, "scan_1.nii.gz", "scan_2.nii.gz", "other.nii.gz")
    assert list(cases(tmp_path / "scan_*.nii.gz")) == ["scan_1", "scan_2"]


def test_files_of_one_channel_each_are_joined_where_the_network_takes_several(tmp_path: Path) -> None:
    touch(tmp_path, "p_0000.nii.gz", "p_0001.nii.gz", "q.nii.gz")
    assert cases(tmp_path, n_channels=2) == {"p": ["p_0000.nii.gz", "p_0001.nii.gz"], "q": ["q.nii.gz"]}
    assert list(cases(tmp_path)) == ["p_0000", "p_0001", "q"]


@pytest.mark.parametrize("names", [["p_0000.nii.gz"], ["p_0001.nii.gz", "p_0002.nii.gz"]])
def test_files_that_are_not_exactly_the_channels_stand_alone(tmp_path: Path, names: list[str]) -> None:
    touch(tmp_path, *names)
    assert list(cases(tmp_path, n_channels=2).values()) == [[name] for name in names]


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        ([], "nowhere.nii.gz", "nowhere.nii.gz is not there"),
        ([], "*.nii.gz", "matches no file"),
        (["readme.txt"], "readme.txt", "no .nii or .nii.gz file"),
        (["empty/readme.txt"], "empty", "holds no .nii or .nii.gz file"),
        (["._a.nii.gz"], "._a.nii.gz", "macOS metadata"),
        ([], "x" * 300, "can't be read|is not there"),
        ([".nii.gz"], ".nii.gz", "no name before its ending"),
    ],
)
def test_what_can_not_be_an_input_is_named(
    tmp_path: Path, names: list[str], given: str, expected: str
) -> None:
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=expected):
        cases(tmp_path / given)


def test_an_empty_input_is_not_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(touch(tmp_path, "a.nii.gz"))
    with pytest.raises(InputError, match="An input is empty"):
        cases("")


@pytest.mark.usefixtures("binding_permissions")
def test_a_folder_that_can_not_be_entered_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "closed/a.nii.gz")
    (tmp_path / "closed").chmod(0)
    try:
        for given in ("closed", "closed/a.nii.gz"):
            with pytest.raises(InputError, match="can't be read: Permission denied"):
                cases(tmp_path / given)
    finally:
        (tmp_path / "closed").chmod(0o755)


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)a\.nii.*b\.nii"):
        cases(tmp_path / "a.nii", tmp_path / "b.nii")


@pytest.mark.parametrize(
    ("first", "second"), [("one/a.nii.gz", "two/a.nii.gz"), ("a.nii", "a.nii.gz"), ("one/a.nii", "two/A.nii")]
)
def test_one_name_for_two_inputs_is_refused_with_both(tmp_path: Path, first: str, second: str) -> None:
    touch(tmp_path, first, second)
    with pytest.raises(InputError) as refused:
        cases(tmp_path / first, tmp_path / second)
    assert str(tmp_path / first) in str(refused.value)
    assert str(tmp_path / second) in str(refused.value)


@pytest.mark.skipif(os.name == "nt", reason="links need a right that Windows users seldom have")
def test_a_link_out_of_a_data_set_is_refused(tmp_path: Path, make_dataset: Callable[..., Any]) -> None:
    data = make_dataset(2)
    inside = data.root / "imagesTr" / "case_0.nii.gz"
    inside.rename(tmp_path / "outside.nii.gz")
    inside.symlink_to(tmp_path / "outside.nii.gz")
    with pytest.raises(InputError, match="link out of the data set"):
        cases(data.root)


def test_entries_under_test_that_can_not_be_used_are_passed_over(make_dataset: Callable[..., Any]) -> None:
    data = make_dataset(1)
    data.save(test=["../out.nii.gz", "imagesTs/._new.nii.gz", 4, "imagesTs/CON.nii.gz"])
    found = find_inputs([str(data.root)], 1)
    assert [image.case for image in found.images] == ["case_0"]
    assert found.left_out == ()


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_to_itself_is_left_for_the_reading(make_dataset: Callable[..., Any]) -> None:
    data = make_dataset(1)
    data.save(test=["imagesTr/loop.nii.gz"])
    (data.root / "imagesTr/loop.nii.gz").symlink_to("loop.nii.gz")
    (data.root / "imagesTr/case_0.nii.gz").unlink()
    (data.root / "imagesTr/case_0.nii.gz").symlink_to("case_0.nii.gz")
    found = find_inputs([str(data.root)], 1)
    assert [image.case for image in found.images] == ["case_0"]
    assert found.left_out == ("imagesTr/loop.nii.gz",)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes with names in folders")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, make_dataset: Callable[..., Any]) -> None:
    os.mkfifo(tmp_path / "pipe.nii.gz")
    for given in (tmp_path / "pipe.nii.gz", tmp_path):
        with pytest.raises(InputError, match=r"pipe\.nii\.gz is no ordinary file"):
            cases(given)
    data = make_dataset(1)
    (data.root / "imagesTr" / "case_0.nii.gz").unlink()
    os.mkfifo(data.root / "imagesTr" / "case_0.nii.gz")
    with pytest.raises(InputError, match=r"case_0\.nii\.gz is no ordinary file"):
        cases(data.root)


@pytest.mark.skipif(os.name == "nt", reason="links need a right that Windows users seldom have")
def test_a_link_to_nothing_is_named_as_such(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz")
    (tmp_path / "b.nii.gz").symlink_to(tmp_path / "gone.nii.gz")
    for given in (tmp_path / "b.nii.gz", tmp_path):
        with pytest.raises(InputError, match=r"b\.nii\.gz is a link to a file that is not there"):
            cases(given)


def test_endings_in_capitals_are_named_and_not_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz", "b.NII.GZ")
    with pytest.raises(InputError, match=r"b\.NII\.GZ: the endings .* are in lower case"):
        cases(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows makes no files of these names")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x" * 246, "is longer than 200"),
        ("CON", "where it is a device"),
        ("a:b", "it holds one of"),
        ("a\nb", r"a\\nb holds control characters"),
        ("a\x1b[31mb", r"a\\x1b\[31mb holds control characters"),
    ],
    ids=["long", "device", "colon", "newline", "escape"],
)
def test_a_name_that_no_output_can_have_is_refused(tmp_path: Path, name: str, expected: str) -> None:
    touch(tmp_path, f"{name}.nii.gz", "good.nii.gz")
    with pytest.raises(InputError, match=expected) as refused:
        cases(tmp_path)
    assert "\x1b" not in str(refused.value)


def test_a_file_given_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.nii.gz", "b.nii.gz")
    monkeypatch.chdir(tmp_path)
    assert list(cases(tmp_path, tmp_path / "a.nii.gz", "a.nii.gz", "./a.nii.gz")) == ["a", "b"]
    assert len(find_inputs(["a.nii.gz", str(tmp_path / "a.nii.gz")], 1).images) == 1
