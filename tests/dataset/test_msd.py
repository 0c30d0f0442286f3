from pathlib import Path

import pytest

from segtrail.dataset.description import read_description
from segtrail.dataset.msd import ARCHIVE_MD5, MIRROR, archive_url, find_task, how_to_get
from segtrail.errors import InputError

HEART = "Task02_Heart"


@pytest.mark.parametrize(
    "name", [HEART, "task02_heart", "Task02", "TASK2", "02", "2", "Task02_", "Task02_He"]
)
def test_a_task_is_found_by_name_number_or_beginning(name):
    assert find_task(name) == HEART


def test_task_1_is_the_first_and_not_the_tenth():
    assert find_task("Task1") == "Task01_BrainTumour"
    assert find_task("10") == "Task10_Colon"


@pytest.mark.parametrize(
    ("name", "nearest"), [("Task02_Haert", HEART), ("hart", HEART), ("tas7", "Task07_Pancreas")]
)
def test_an_unknown_task_is_told_with_the_nearest_and_all(name, nearest):
    with pytest.raises(InputError, match=f"Did you mean {nearest}.*{', '.join(ARCHIVE_MD5)}"):
        find_task(name)


@pytest.mark.parametrize("name", ["", "Task", "Task0"])
def test_a_beginning_of_several_tasks_is_told(name):
    with pytest.raises(InputError, match="more than one task"):
        find_task(name)


def test_the_known_archives_are_ten_with_an_md5_each():
    assert [int(task[4:6]) for task in ARCHIVE_MD5] == list(range(1, 11))
    assert len(set(ARCHIVE_MD5.values())) == 10
    assert all(len(bytes.fromhex(md5)) == 16 for md5 in ARCHIVE_MD5.values())


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        (MIRROR, f"https://msd-for-monai.s3-us-west-2.amazonaws.com/{HEART}.tar"),
        ("https://host", f"https://host/{HEART}.tar"),
        ("http://host:8080/msd", f"http://host:8080/msd/{HEART}.tar"),
        ("http://host/a.tar/", f"http://host/a.tar/{HEART}.tar"),
        ("https://host/other.tar", "https://host/other.tar"),
        ("https://host/my data/ü.tar?key=1", "https://host/my%20data/%C3%BC.tar?key=1"),
    ],
)
def test_a_mirror_is_a_folder_or_the_archive_itself(mirror, expected):
    assert archive_url(HEART, mirror) == expected


@pytest.mark.parametrize(
    "mirror",
    [
        "",
        "host/a.tar",
        "ftp://host/",
        "file:///etc/",
        "http://",
        "http://[::1",
        "http://host:port/",
        "C:\\a.tar",
    ],
)
def test_other_addresses_are_refused(mirror):
    with pytest.raises(InputError, match="begins with http"):
        archive_url(HEART, mirror)


def test_a_login_in_the_address_is_refused_without_repeating_it():
    with pytest.raises(InputError, match="login") as caught:
        archive_url(HEART, "https://me:secret@host/")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("md5", ["", "abc", "z" * 32])
def test_an_md5_that_is_none_is_refused(segtrail, md5):
    result = segtrail("data", "download", "2", "--md5", md5)
    assert result.exit_code == 2
    assert "32 hexadecimal digits" in result.stderr


def test_data_without_a_command_shows_its_commands(segtrail):
    result = segtrail("data")
    assert result.exit_code == 0
    assert "download" in result.stdout


def test_a_missing_task_is_told_with_its_download(tmp_path):
    with pytest.raises(InputError, match=r"segtrail data download Task02_Heart --to"):
        read_description(tmp_path / HEART)


def test_the_download_needs_no_place_where_it_is_the_usual_one():
    assert how_to_get(Path("data") / HEART).endswith("segtrail data download Task02_Heart")


def test_a_missing_folder_of_another_name_has_no_download(tmp_path):
    assert how_to_get(tmp_path / "my_hearts") == ""


def test_the_baseline_without_its_data_names_the_download(segtrail, tmp_path, monkeypatch):
    baseline = Path(__file__).parents[2] / "configs" / "baseline.yaml"
    monkeypatch.chdir(tmp_path)
    result = segtrail("train", baseline)
    assert result.exit_code == 2
    assert "segtrail data download Task02_Heart" in result.stderr
