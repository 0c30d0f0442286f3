"""Checking a data set by itself."""

import json
import sys
from pathlib import Path

import numpy as np
import pypdf
import pytest
from matplotlib.image import imread
from scipy import ndimage

SHAPE = (20, 18, 14)


@pytest.fixture
def check(tmp_path, segtrail):
    """Check a data set folder; what is written comes to ``tmp_path/outputs``."""

    def run(folder, *options):
        return segtrail("check", folder.root, "--output-root", tmp_path / "outputs", *options)

    return run


def written(tmp_path):
    """The folder of the newest check."""
    return sorted((tmp_path / "outputs" / "checks").iterdir())[-1]


def test_a_sound_data_set_passes_and_leaves_report_sheet_and_answer(tmp_path, make_dataset, check):
    result = check(make_dataset(3))
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in written(tmp_path).iterdir()) == [
        *("checks.json", "dataset_report.html", "dataset_report.pdf", "montage.png")
    ]
    assert json.loads((written(tmp_path) / "checks.json").read_text("utf-8"))["status"] == "passed"
    assert "files-readable, error, nothing" in result.stdout


def test_errors_end_with_exit_code_1_and_the_whole_list(tmp_path, make_dataset, check):
    folder = make_dataset(3)
    (folder.root / "labelsTr/case_0.nii.gz").unlink()
    folder.write_volume("labelsTr/case_1.nii.gz", np.zeros(SHAPE, np.uint8))
    result = check(folder)
    assert result.exit_code == 1
    assert "case_0: labelsTr/case_0.nii.gz is not there." in result.stdout
    assert "case_1: labelsTr/case_1.nii.gz marks no voxel of any class." in result.stdout
    assert result.stdout.count("What to do:") == 2
    assert (written(tmp_path) / "dataset_report.pdf").is_file()


def test_json_is_the_only_thing_on_standard_output(make_dataset, check):
    folder = make_dataset(2)
    two_parts = np.zeros(SHAPE, np.uint8)
    two_parts[3:6, 3:6, 3:6] = two_parts[12, 12, 8] = 1
    folder.add_case("two_parts", label=two_parts)
    answer = json.loads(check(folder, "--json").stdout)
    assert answer["status"] == "warnings"
    assert answer["dataset"]["cases"] == 3
    assert Path(answer["folder"], "montage.png").is_file()


def test_what_is_written_holds_no_path_of_the_machine(tmp_path, make_dataset, check):
    folder = make_dataset(2)
    (folder.root / "labelsTr/case_0.nii.gz").unlink()
    check(folder)
    assert str(tmp_path) not in (written(tmp_path) / "checks.json").read_text("utf-8")
    assert str(tmp_path).encode() not in (written(tmp_path) / "dataset_report.pdf").read_bytes()


def test_the_data_sets_folder_is_not_touched(make_dataset, check):
    folder = make_dataset(2)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in folder.root.rglob("*"))
    check(folder)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in folder.root.rglob("*")) == before


def test_a_description_by_another_name_is_checked(make_dataset, segtrail, tmp_path):
    folder = make_dataset(2)
    (folder.root / "dataset.json").rename(folder.root / "fold.json")
    result = segtrail("check", folder.root / "fold.json", "--output", tmp_path / "here")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "here" / "checks.json").is_file()


def test_a_second_check_reads_nothing_and_full_reads_all(make_dataset, check, monkeypatch):
    from segtrail.dataset.reading import scan_cache

    monkeypatch.setattr(scan_cache, "_SETTLED_SECONDS", -1.0)
    folder = make_dataset(2)
    readings = [
        json.loads(check(folder, *options, "--json").stdout)["reading"]["read_now"]
        for options in ([], [], ["--full"])
    ]
    assert readings == [2, 0, 2]


def test_training_takes_over_what_the_check_has_read(tiny_config, tmp_path, segtrail, monkeypatch):
    from segtrail.dataset.reading import scan_cache

    monkeypatch.setattr(scan_cache, "_SETTLED_SECONDS", -1.0)
    segtrail("check", tmp_path / "data", "--output-root", tmp_path / "outputs")
    segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    reading = json.loads((run / "dataset_summary.json").read_text("utf-8"))["reading"]
    assert reading == {"read_now": 0, "unchanged_since_read_before": 4}


@pytest.mark.parametrize("n_cases", [1, 4, 60])
def test_the_report_is_one_page(tmp_path, make_dataset, check, n_cases):
    check(make_dataset(n_cases))
    assert len(pypdf.PdfReader(written(tmp_path) / "dataset_report.pdf").pages) == 1


def test_the_report_is_one_page_however_much_was_found(tmp_path, make_dataset, check):
    folder = make_dataset(9)
    files = {name: folder.root / f"imagesTr/{name}.nii.gz" for name in ("case_0", "case_1")}
    files["case_0"].write_bytes(b"no gzip")
    files["case_1"].unlink()
    image = np.full(SHAPE, 7, np.float32)
    folder.add_case("1957-03-12", image * np.nan, np.full(SHAPE, 3, np.uint8))
    folder.add_case("short", image, np.ones((20, 18, 9), np.uint8))
    folder.add_case("soft", image, np.full(SHAPE, 0.5, np.float32))
    folder.add_case("empty", image, np.zeros(SHAPE, np.float64))
    folder.add_case("moved", image, np.ones(SHAPE, np.uint8), label_affine=np.diag([1.0, 1, 2.2, 1]))
    folder.add_case("bright", image * 900, np.eye(20, 18, dtype=np.uint8)[:, :, None].repeat(14, axis=2))
    folder.add_case("four", np.zeros((*SHAPE, 4), np.float32))
    bad = [{"image": name, "label": "b.nii"} for name in ("../a.nii", "._a.nii", "a.dcm", "b.nii")]
    folder.save(
        training=[*folder.description["training"], *bad, folder.description["training"][2]],
        labels={str(value): f"a class with quite a long name {value}" for value in range(30)},
        name="A data set with a name that does not end " * 4,
    )
    result = check(folder)
    assert result.exit_code == 1
    report = pypdf.PdfReader(written(tmp_path) / "dataset_report.pdf")
    assert len(report.pages) == 1
    assert "errors" in report.pages[0].extract_text()


def test_the_sheet_shows_every_case_and_frames_those_with_findings(tmp_path, make_dataset, check):
    folder = make_dataset(3)
    folder.write_volume("labelsTr/case_1.nii.gz", np.zeros(SHAPE, np.uint8))
    check(folder)
    sheet = (imread(written(tmp_path) / "montage.png")[:, :, :3] * 255).round().astype(int)
    frame = (sheet == (0xD5, 0x5E, 0x00)).all(axis=2)
    outline = (sheet == (0x56, 0xB4, 0xE9)).all(axis=2)
    framed, outlined = (ndimage.label(mask, np.ones((3, 3)))[1] for mask in (frame, outline))
    assert (framed, outlined) == (1, 2)


def test_the_same_data_give_the_same_sheet(tmp_path, make_dataset, check):
    folder = make_dataset(3)
    check(folder)
    first = (written(tmp_path) / "montage.png").read_bytes()
    check(folder, "--full")
    assert (written(tmp_path) / "montage.png").read_bytes() == first


def test_names_in_any_script_are_shown(tmp_path, make_dataset, check):
    folder = make_dataset(1)
    folder.add_case("心臓_$x_1$_" + "long" * 12)
    assert check(folder).exit_code == 0
    assert (written(tmp_path) / "dataset_report.pdf").is_file()


def test_an_output_in_the_data_sets_own_folder_is_refused(make_dataset, segtrail, monkeypatch):
    folder = make_dataset(1)
    monkeypatch.chdir(folder.root)
    before = sorted(folder.root.rglob("*"))
    result = segtrail("check", ".")
    assert result.exit_code == 2
    assert "which is never written" in result.stderr
    assert sorted(folder.root.rglob("*")) == before


def test_two_data_sets_of_one_name_keep_their_reports(tmp_path, new_dataset, segtrail):
    for centre in ("a", "b"):
        folder = new_dataset(f"{centre}/data")
        folder.add_case(centre)
        segtrail("check", folder.root, "--output-root", tmp_path / "outputs")
    answers = [
        json.loads((path / "checks.json").read_text("utf-8"))["dataset"]["fingerprint"]
        for path in (tmp_path / "outputs" / "checks").iterdir()
    ]
    assert len(set(answers)) == 2


def test_class_names_without_a_glyph_are_replaced_in_the_report(tmp_path, make_dataset, check):
    folder = make_dataset(1)
    folder.save(labels={"0": "背景", "1": "心房"}, name="n" * 200)
    assert check(folder).exit_code == 0
    assert (written(tmp_path) / "dataset_report.pdf").is_file()


def test_without_typst_the_answer_the_sheet_and_the_web_page_are_there(
    tmp_path, make_dataset, check, monkeypatch
):
    monkeypatch.setitem(sys.modules, "typst", None)
    result = check(make_dataset(1))
    assert result.exit_code == 0, result.stderr
    assert "pip install typst" in result.stdout
    assert sorted(path.name for path in written(tmp_path).iterdir()) == [
        *("checks.json", "dataset_report.html", "montage.png")
    ]


def test_names_can_not_take_over_the_terminal(make_dataset, check):
    folder = make_dataset(1)
    (folder.root / "imagesTr" / "a\x1b[31m.nii").write_bytes(b"")
    assert "\x1b" not in check(folder).stdout


def test_an_output_folder_that_can_not_be_made_is_told_before_the_reading(tmp_path, make_dataset, segtrail):
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = segtrail("check", make_dataset(1).root, "--output", tmp_path / "file")
    assert result.exit_code == 2
    assert "--output" in result.stderr


def test_an_empty_list_of_usable_cases_is_reported_too(tmp_path, new_dataset, check):
    folder = new_dataset()
    folder.save(training=[{"image": "../a.nii", "label": "b.nii"}])
    assert check(folder).exit_code == 1
    assert (written(tmp_path) / "dataset_report.pdf").is_file()
