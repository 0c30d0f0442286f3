import json

import pytest

from segtrail.config.schema import Config, PathsConfig
from segtrail.errors import InputError
from segtrail.record.local_paths import fill_in_placeholders, recall_data_root, remember_paths

RUN_ID = "run_20260101_000000"


@pytest.fixture
def run_dir(tmp_path):
    """A run folder of a run on data that lie on this machine."""
    path = tmp_path / "outputs" / "runs" / RUN_ID
    path.mkdir(parents=True)
    (tmp_path / "data").mkdir()
    remember_paths(path, PathsConfig(data_root=str(tmp_path / "data")))
    return path


def config(**paths):
    return Config.model_validate({"paths": {"data_root": "${data_root}", **paths}, "train": {"seed": 7}})


def test_the_data_of_a_run_are_found_again_on_this_machine(run_dir, tmp_path):
    assert recall_data_root(run_dir) == tmp_path / "data"


def test_a_relative_data_root_is_remembered_whole(tmp_path, monkeypatch, run_dir):
    monkeypatch.chdir(tmp_path)
    remember_paths(run_dir.with_name("run_2"), PathsConfig(data_root="data/../data"))
    note = json.loads((tmp_path / "outputs" / "local_paths" / "run_2.json").read_text(encoding="utf-8"))
    assert note == {"schema_version": 1, "data_root": str(tmp_path / "data")}
    assert recall_data_root(run_dir.with_name("run_2")) == tmp_path / "data"


def test_the_run_folder_itself_holds_no_path(run_dir):
    assert list(run_dir.iterdir()) == []


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"data_root": 3}'])
def test_a_note_that_is_missing_or_damaged_is_no_answer(run_dir, tmp_path, content):
    note = tmp_path / "outputs" / "local_paths" / f"{RUN_ID}.json"
    note.unlink()
    if content is not None:
        note.write_text(content)
    assert recall_data_root(run_dir) is None


def test_placeholders_become_the_paths_of_this_machine(run_dir, tmp_path):
    filled = fill_in_placeholders(
        config(output_root="${output_root}", cache_root="${output_root}/cache"),
        run_dir / "config_resolved.yaml",
    )
    assert filled.paths.data_root == str(tmp_path / "data")
    assert filled.paths.output_root == str(tmp_path / "outputs")
    assert filled.paths.cache_root == f"{tmp_path / 'outputs'}/cache"
    assert filled.train.seed == 7


def test_a_configuration_without_placeholders_is_left_as_it_is(tmp_path):
    plain = config(data_root="data/heart_mini")
    assert fill_in_placeholders(plain, tmp_path / "quick.yaml") == plain


def test_a_relative_data_root_is_found_again_from_another_folder(run_dir, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    filled = fill_in_placeholders(config(data_root="data"), run_dir / "config_resolved.yaml")
    assert filled.paths.data_root == str(tmp_path / "data")


def test_a_data_root_that_is_there_is_preferred_to_the_one_remembered(run_dir, tmp_path, monkeypatch):
    (tmp_path / "elsewhere" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    filled = fill_in_placeholders(config(data_root="data"), run_dir / "config_resolved.yaml")
    assert filled.paths.data_root == "data"


def test_a_path_that_was_typed_is_never_replaced_by_the_one_remembered(run_dir, tmp_path):
    typed = config(data_root=str(tmp_path / "typo"))
    file = run_dir / "config_resolved.yaml"
    assert fill_in_placeholders(typed, file, {"paths.data_root"}).paths.data_root == str(tmp_path / "typo")
    assert fill_in_placeholders(typed, file).paths.data_root == str(tmp_path / "data")


@pytest.mark.usefixtures("run_dir")
def test_the_output_root_follows_when_the_whole_of_it_was_moved(tmp_path):
    (tmp_path / "outputs").rename(tmp_path / "archive")
    filled = fill_in_placeholders(
        config(data_root="data", output_root="${output_root}"),
        tmp_path / "archive" / "runs" / RUN_ID / "config_resolved.yaml",
    )
    assert filled.paths.output_root == str(tmp_path / "archive")


def test_a_run_that_was_moved_alone_asks_where_to_write(run_dir, tmp_path):
    moved = tmp_path / "archive" / "runs" / RUN_ID
    moved.parent.mkdir(parents=True)
    run_dir.rename(moved)
    with pytest.raises(InputError, match=r"Add paths\.output_root=DIR"):
        fill_in_placeholders(
            config(data_root="data", output_root="${output_root}"), moved / "config_resolved.yaml"
        )


def test_a_cache_folder_is_found_again_on_this_machine_and_left_to_the_default_elsewhere(run_dir, tmp_path):
    paths = PathsConfig(data_root=str(tmp_path / "data"), cache_root=str(tmp_path / "volumes"))
    remember_paths(run_dir, paths)
    recorded, file = config(cache_root="${cache_root}"), run_dir / "config_resolved.yaml"
    assert fill_in_placeholders(recorded, file).paths.cache_root == str(tmp_path / "volumes")
    (tmp_path / "outputs" / "local_paths" / f"{RUN_ID}.json").unlink()
    elsewhere = config(data_root="data", cache_root="${cache_root}")
    assert fill_in_placeholders(elsewhere, file).paths.cache_root is None


@pytest.mark.parametrize("key", ["data_root", "cache_root"])
def test_a_placeholder_that_this_machine_has_no_path_for_is_told(run_dir, tmp_path, key):
    (tmp_path / "outputs" / "local_paths" / f"{RUN_ID}.json").unlink()
    with pytest.raises(InputError, match=rf"Add paths\.{key}=DIR"):
        fill_in_placeholders(
            config(**{"data_root": "data", key: "${data_root}/x"}), run_dir / "config_resolved.yaml"
        )
