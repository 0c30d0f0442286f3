import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.config.network_schema import FastConfig
from segtrail.config.schema import Config
from segtrail.record.redaction import Redactor

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the known folders here are POSIX ones")

HOME = "/home/jane"
CONTEXTS = [
    "{}",
    "see {}, then stop",
    "'{}'",
    '"{}"',
    "({})",
    "“{}”",
    "«{}»",
    "`{}`",
    "{{{}}}",
    "[{}]",
    "path={}",
    "{}\nnext",
    "at {}.",
    "{}: denied",
]
PARTS = st.lists(
    st.text("abcxyzABCXYZ0189_-äé", min_size=1, max_size=8).map("d{}".format), min_size=1, max_size=4
)


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine whose names are known: login jane, host gpu01.hospital.org."""
    set_machine(monkeypatch)


def set_machine(monkeypatch, host="gpu01.hospital.org"):
    monkeypatch.setattr("platform.node", lambda: host)
    monkeypatch.setattr("getpass.getuser", lambda: "jane")
    monkeypatch.setattr(Path, "home", lambda: Path(HOME))


def redact(text, **folders):
    known = {"data_root": "/srv/heart", "output_root": f"{HOME}/outputs"} | folders
    return Redactor({name: Path(path) for name, path in known.items()}).redact(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/heart/imagesTr/la.nii.gz", "${data_root}/imagesTr/la.nii.gz"),
        ("/srv/heart", "${data_root}"),
        ("read '/srv/heart'", "read '${data_root}'"),
        (f"{HOME}/outputs/runs/run_1", "${output_root}/runs/run_1"),
        (f"{HOME}/outputs2/x", "~/outputs2/x"),
        (f"{HOME}/notes.txt", "~/notes.txt"),
        ("/srv/heart2/la.nii.gz", "${path}/la.nii.gz"),
        ("/mnt/secret/x/la.nii.gz", "${path}/la.nii.gz"),
        ("--data=/mnt/secret/x", "--data=${path}/x"),
        (r"C:\Users\jane\scans\la.nii.gz", "${path}/la.nii.gz"),
        ("D:/scans/la.nii.gz", "${path}/la.nii.gz"),
        ("trained on gpu01.hospital.org.", "trained on ${host}."),
        ("scratch/jane/cache", "scratch/${login}/cache"),
    ],
)
def test_what_names_the_machine_is_replaced(text, expected):
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "imagesTr/la_003.nii.gz",
        "configs/quick.yaml train.batch_size=2",
        "Dice and/or NSD of 3/4 cases",
        "3 / 4 cases",
        "https://medicaldecathlon.com/data/heart",
        "${data_root}/imagesTr",
        "mypackage.nets:MyNet",
        "at 12:30, ratio 1:2",
        "jane-like janet",
        "",
    ],
)
def test_what_names_no_machine_is_left_as_it_is(text):
    assert redact(text) == text


def test_a_text_without_paths_is_left_as_it_is_in_the_root_folder(monkeypatch):
    """Containers start in the root folder."""
    monkeypatch.chdir(Path.cwd().anchor)
    for text in ("3 / 4 cases", "https://medicaldecathlon.com/data/heart"):
        assert redact(text) == text


@given(PARTS, st.sampled_from(CONTEXTS))
def test_a_file_of_the_data_set_keeps_only_its_place_in_it(parts, context):
    relative = "/".join(parts)
    assert redact(context.format(f"/srv/heart/{relative}")) == context.format(f"${{data_root}}/{relative}")


@given(PARTS, st.sampled_from(CONTEXTS))
def test_of_any_other_posix_path_only_the_name_is_left(parts, context):
    text = redact(context.format("/".join(["", "mnt", "secret", *parts])))
    assert text == context.format(f"${{path}}/{parts[-1]}")


@given(PARTS, st.sampled_from(CONTEXTS))
def test_of_any_windows_path_only_the_name_is_left(parts, context):
    text = redact(context.format("\\".join(["D:", "Users", "secret", *parts])))
    assert text == context.format(f"${{path}}/{parts[-1]}")


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("path", [HOME, "/srv/heart"])
def test_a_known_folder_is_known_wherever_it_stands_in_a_sentence(context, path):
    text = redact(context.format(path))
    assert text == context.format("~" if path == HOME else "${data_root}")
    assert "jane" not in text


@pytest.mark.requirement("REC-04")
@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (r"\\nas01\studies\trial\la.nii.gz", ["nas01", "studies"]),
        ("failed:/mnt/secret/x/la.nii.gz", ["mnt", "secret"]),
        ("/mnt/a/x:/mnt/b/y", ["mnt"]),
        ("'/mnt/secret scans/of me/la.nii.gz'", ["mnt", "secret", "of me"]),
        (r"'C:\Users\Jane Doe\scans\la.nii.gz'", ["Users", "Doe", "scans"]),
        (r"'C:\\Users\\Jane Doe\\scans\\la.nii.gz'", ["Users", "Doe", "scans"]),
        ("trained on gpu01", ["gpu01"]),
    ],
    ids=[
        "a network share",
        "after a colon",
        "a list of paths",
        "quoted with spaces",
        "Windows, quoted with spaces",
        "Windows, quoted twice",
        "the host without its domain",
    ],
)
def test_no_part_of_a_path_or_host_is_left(text, secrets):
    redacted = redact(text)
    assert [secret for secret in secrets if secret in redacted] == []


@pytest.mark.parametrize(
    "text", ["pretrained/data/best.pt", "./data/x", "and/data or", "trial-/a/best.pt", "trial (1)/a/best.pt"]
)
def test_a_relative_path_is_not_mistaken_for_an_absolute_one(text):
    assert redact(text, data_root="/data") == text


def test_a_known_folder_inside_another_absolute_path_is_not_mistaken_for_it():
    assert "${data_root}" not in redact("/mnt/data", data_root="/data")


@pytest.mark.parametrize("host", ["fast", "auto", "cuda", "heart"])
def test_a_host_named_like_a_value_leaves_the_configuration_as_it_is(monkeypatch, host):
    set_machine(monkeypatch, host)
    values = {"paths": {"data_root": "data/heart"}, "model": {"name": "fast"}, "train": {"device": "cuda"}}
    config = Config.model_validate(values)
    assert isinstance(config.model, FastConfig)
    assert Config.model_validate(Redactor({}).redact_config(config.model_dump(mode="json"))) == config


def test_paths_are_replaced_in_nested_values_and_other_values_are_kept():
    redactor = Redactor({"data_root": Path("/srv/heart")})
    values = {"project": {}, "a": ["/srv/heart/x", 3, None, {"b": True}], "c": ("/srv/heart", 2.5)}
    assert redactor.redact_config(values) == {
        "project": {},
        "a": ["${data_root}/x", 3, None, {"b": True}],
        "c": ["${data_root}", 2.5],
    }


def test_the_host_is_taken_out_of_the_description_of_a_project():
    config = {"project": {"description": "trained on gpu01", "operator": None}}
    assert Redactor({}).redact_config(config) == {
        "project": {"description": "trained on ${host}", "operator": None}
    }


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("/quick.yaml", "${path}/quick.yaml"),
        ("/home/john smith/quick.yaml", "${path}/quick.yaml"),
        (r"C:\Users\John Smith\quick.yaml", "${path}/quick.yaml"),
        ("paths.cache_root=/mnt/big disk/cache", "paths.cache_root=${path}/cache"),
        ("paths.cache_root=/mnt/cache/jane", "paths.cache_root=${path}/${login}"),
        ("/mnt/gpu01/gpu01.yaml", "${path}/${host}.yaml"),
    ],
)
def test_of_an_argument_that_is_a_path_only_the_name_is_left(argument, expected):
    assert Redactor({}).redact_command([argument]) == expected


def test_a_command_keeps_its_arguments_apart():
    redactor = Redactor({"data_root": Path("/srv/heart")})
    command = redactor.redact_command(
        ["segtrail", "train", "--note", "first try", "paths.data_root=/srv/heart"]
    )
    assert command == 'segtrail train --note "first try" paths.data_root=${data_root}'


def test_a_note_that_begins_with_a_stroke_is_no_path():
    command = Redactor({}).redact_command(["segtrail", "train", "--note", "/ or so"])
    assert command == 'segtrail train --note "/ or so"'


def test_a_relative_path_resolved_against_the_current_folder_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert redact(f"{tmp_path}/configs/quick.yaml") == "./configs/quick.yaml"
    assert PurePosixPath(redact(str(tmp_path / "x"))).name == "x"


def test_a_folder_reached_through_a_link_is_known_under_both_names(tmp_path):
    (tmp_path / "real").mkdir()
    try:
        (tmp_path / "link").symlink_to(tmp_path / "real")
    except OSError:
        pytest.skip("this system lets the tests make no links")
    redactor = Redactor({"data_root": tmp_path / "link"})
    assert redactor.redact(f"{tmp_path / 'real'}/x {tmp_path / 'link'}/x") == "${data_root}/x ${data_root}/x"
