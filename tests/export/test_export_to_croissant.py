"""The metadata of a run's data set, read back with mlcroissant."""

import getpass
import hashlib
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def export(segtrail: Command, run_dir: Path, output: Path, *options: object) -> Path:
    result = segtrail("export", run_dir, "--to", "croissant", "--output", output, *options)
    assert result.exit_code == 0, result.stderr
    [path] = (output / f"{run_dir.name}_croissant").iterdir()
    return Path(path)


def refused(segtrail: Command, run_dir: Path, output: Path, *options: object) -> str:
    result = segtrail("export", run_dir, "--to", "croissant", "--output", output, *options)
    assert result.exit_code == 2
    assert list(output.iterdir()) == []
    return str(result.stderr)


def read(path: Path) -> Any:
    import mlcroissant

    return mlcroissant.Dataset(path)


def change_summary(run_dir: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = run_dir / "dataset_summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    change(summary)
    path.write_text(json.dumps(summary), encoding="utf-8")


@pytest.fixture
def described(segtrail: Command, quick_run_dir: Path, tmp_path: Path) -> Any:
    return read(export(segtrail, quick_run_dir, tmp_path))


@pytest.mark.requirement("EXP-11")
def test_name_licence_citation_and_fingerprint_are_those_of_the_run(
    segtrail: Command, quick_run_dir: Path, tmp_path: Path
) -> None:
    path = export(segtrail, quick_run_dir, tmp_path)
    metadata = read(path).metadata
    assert not metadata.ctx.issues.errors
    assert (metadata.name, metadata.description, metadata.license) == ("Balls", "Synthetic balls", ["CC0"])
    assert (metadata.cite_as, metadata.version) == ("nobody", "1.0")
    summary = json.loads((quick_run_dir / "dataset_summary.json").read_text(encoding="utf-8"))
    assert json.loads(path.read_text(encoding="utf-8"))["identifier"] == summary["fingerprint"]


@pytest.mark.requirement("EXP-11")
def test_every_file_of_the_data_set_is_named_with_its_hash(described: Any, quick_run_dir: Path) -> None:
    data = quick_run_dir.parents[2] / "data"
    listed = {file.content_url: file.sha256 for file in described.metadata.distribution}
    files = [path for path in data.rglob("*") if path.is_file()]
    assert listed == {
        path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    formats = {file.name: file.encoding_formats for file in described.metadata.distribution}
    assert formats["dataset.json"] == ["application/json"]
    assert formats["case_0.nii.gz"] == ["application/x-nifti"]


@pytest.mark.requirement("EXP-11")
def test_the_cases_are_read_with_side_and_files(described: Any, quick_run_dir: Path) -> None:
    summary = json.loads((quick_run_dir / "dataset_summary.json").read_text(encoding="utf-8"))
    assert [dict(row) for row in described.records("cases")] == [
        {
            "cases/name": case["case"],
            "cases/split": case["side"],
            "cases/image": [case["image"]["file"]],
            "cases/label": [case["label"]["file"]],
        }
        for case in summary["cases"]
    ]
    splits = {row["splits/name"]: row["splits/url"] for row in described.records("splits")}
    assert splits == {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
    assert [dict(row) for row in described.records("classes")] == [
        {"classes/value": 0, "classes/name": "background"},
        {"classes/value": 1, "classes/name": "ball"},
    ]


def test_a_case_that_no_side_used_is_told_as_such(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    change_summary(run_dir, lambda summary: summary["cases"][0].update(side="unused"))
    described = read(export(segtrail, run_dir, tmp_path / "out"))
    assert next(iter(described.records("cases")))["cases/split"] == "unused"
    assert {row["splits/name"]: row["splits/url"] for row in described.records("splits")}["unused"] == ""


class TestAnImageInSeveralFiles:
    @pytest.fixture
    def data(self, run_dir: Path, tmp_path: Path) -> Path:
        """A data set, and a run whose first image lies in two files of it, of which it has one hash."""
        names = ["imagesTr/first.nii.gz", "imagesTr/second.nii.gz"]
        (tmp_path / "channels" / "imagesTr").mkdir(parents=True)
        for name in names:
            (tmp_path / "channels" / name).write_bytes(name.encode())
        hashes = [hashlib.sha256(name.encode()).hexdigest() for name in names]
        together = hashlib.sha256("".join(hashes).encode()).hexdigest()
        change_summary(
            run_dir, lambda summary: summary["cases"][0]["image"].update(file=names, sha256_file=together)
        )
        return tmp_path / "channels"

    def test_has_the_hash_of_each(self, segtrail: Command, run_dir: Path, data: Path, tmp_path: Path) -> None:
        described = read(export(segtrail, run_dir, tmp_path / "out", "--data", data))
        listed = {file.content_url: file.sha256 for file in described.metadata.distribution}
        name = "imagesTr/second.nii.gz"
        assert listed[name] == hashlib.sha256(name.encode()).hexdigest()
        first = next(iter(described.records("cases")))
        assert first["cases/image"] == ["imagesTr/first.nii.gz", name]

    def test_is_asked_for_where_it_is_not_there(
        self, segtrail: Command, run_dir: Path, data: Path, tmp_path: Path
    ) -> None:
        (data / "imagesTr" / "first.nii.gz").unlink()
        said = refused(segtrail, run_dir, tmp_path / "out", "--data", data)
        assert "they are not there. Say with --data where the data set lies now" in said

    def test_is_refused_where_it_is_another_one(
        self, segtrail: Command, run_dir: Path, data: Path, tmp_path: Path
    ) -> None:
        (data / "imagesTr" / "first.nii.gz").write_bytes(b"another")
        assert "are not those of the run" in refused(segtrail, run_dir, tmp_path / "out", "--data", data)


def test_the_files_that_another_program_trained_on_are_named(
    segtrail: Command, make_dataset: Callable[..., Any], tmp_path: Path
) -> None:
    data = make_dataset(1).root
    recorded = ("record", "--no-report", "--data", data, "--output-root", tmp_path / "outputs")
    assert segtrail(*recorded, "--", sys.executable, "-c", "pass").exit_code == 0
    [run_dir] = (tmp_path / "outputs" / "runs").iterdir()
    described = read(export(segtrail, run_dir, tmp_path / "out"))
    listed = {file.content_url: file.sha256 for file in described.metadata.distribution}
    image = data / "imagesTr" / "case_0.nii.gz"
    assert listed["imagesTr/case_0.nii.gz"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert set(listed) == {"dataset.json", "imagesTr/case_0.nii.gz", "labelsTr/case_0.nii.gz"}


@pytest.mark.requirement("EXP-03")
def test_the_metadata_tell_nothing_of_the_machine(
    segtrail: Command, quick_run_dir: Path, tmp_path: Path
) -> None:
    told = export(segtrail, quick_run_dir, tmp_path).read_text(encoding="utf-8")
    names = {str(quick_run_dir.parents[2]), getpass.getuser(), platform.node()} - {"root", "localhost", ""}
    assert [name for name in names if name in told] == []


def test_the_same_run_gives_the_same_metadata(segtrail: Command, quick_run_dir: Path, tmp_path: Path) -> None:
    first = export(segtrail, quick_run_dir, tmp_path / "first")
    second = export(segtrail, quick_run_dir, tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()


def test_a_run_without_a_summary_of_its_data_is_refused(
    segtrail: Command, run_dir: Path, tmp_path: Path
) -> None:
    (run_dir / "dataset_summary.json").unlink()
    assert "does not say which files it was trained on" in refused(segtrail, run_dir, tmp_path / "out")


def test_a_summary_without_hashes_is_refused(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    change_summary(run_dir, lambda summary: summary["cases"][0]["image"].pop("sha256_file"))
    said = refused(segtrail, run_dir, tmp_path / "out")
    assert "dataset_summary.json" in said
    assert "cases.0.image.sha256_file" in said
    assert "Traceback" not in said


def test_a_copy_for_use_elsewhere_is_refused(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    shared = segtrail("export", run_dir, "--share", "--output", tmp_path / "shared")
    assert shared.exit_code == 0, shared.stderr
    [copy] = (tmp_path / "shared").glob("shared_run_*")
    assert "is a copy for use elsewhere" in refused(segtrail, copy, tmp_path / "out")


@pytest.mark.parametrize("name", ["../secret.nii.gz", "/etc/passwd", "C:/image.nii.gz"])
def test_a_record_that_names_a_file_outside_of_the_data_set_is_refused(
    segtrail: Command, run_dir: Path, tmp_path: Path, name: str
) -> None:
    change_summary(run_dir, lambda summary: summary["cases"][0]["image"].update(file=name))
    assert f"names {name}, which " in refused(segtrail, run_dir, tmp_path / "out").replace("'", "").replace(
        '"', ""
    )


def test_without_the_package_the_sentence_names_the_extra_of_croissant(
    segtrail: Command, quick_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlcroissant", None)
    assert "pip install 'segtrail[croissant]'" in refused(segtrail, quick_run_dir, tmp_path / "out")
