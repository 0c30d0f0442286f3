"""Every installed package is listed with a hash that is the same wherever the same build is installed."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from segtrail.provenance.packages import Package, installed_packages
from segtrail.provenance.sbom import make_bill_of_materials

FILES = "part/__init__.py,sha256=abc,10\npart-1.0.dist-info/METADATA,sha256=def,20\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which Python looks for packages, before all others."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path


def install(folder: Path, record: str | None, metadata: str = "Name: part\nVersion: 1.0\n") -> None:
    info = folder / "part-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{metadata}", encoding="utf-8")
    (info / "RECORD").unlink(missing_ok=True)
    if record is not None:
        (info / "RECORD").write_text(record, encoding="utf-8")


def part() -> Package:
    return next(package for package in installed_packages()[0] if package.name == "part")


def test_the_packages_of_this_environment_are_listed_with_their_builds() -> None:
    packages, _ = installed_packages()
    known = {package.name: package for package in packages}
    assert known["torch"].version == version("torch")
    assert known["torch"].record_sha256 is not None
    assert "numpy" in known["segtrail"].requires
    assert [package.name.lower().replace("_", "-").replace(".", "-") for package in packages] == sorted(
        package.name.lower().replace("_", "-").replace(".", "-") for package in packages
    )


def test_what_an_installer_adds_changes_no_hash(folder: Path) -> None:
    install(folder, FILES)
    before = part().record_sha256
    added = "../../bin/part,sha256=xyz,30\npart/__pycache__/__init__.pyc,,\npart-1.0.dist-info/INSTALLER,sha256=pip,4\n"
    install(folder, added + "".join(reversed(FILES.splitlines(keepends=True))))
    assert part().record_sha256 == before


def test_another_build_of_one_version_has_another_hash(folder: Path) -> None:
    install(folder, FILES)
    before = part().record_sha256
    install(folder, FILES.replace("abc", "abd"))
    assert part().record_sha256 != before


def test_a_package_without_a_list_of_files_is_a_gap(folder: Path) -> None:
    install(folder, None)
    assert part().record_sha256 is None
    assert (
        "The package part 1.0 brings no list of its files: its build is not known." in installed_packages()[1]
    )


def test_a_package_without_a_name_is_a_gap_and_not_an_error(folder: Path) -> None:
    install(folder, None, metadata="")
    assert any("without name or version" in gap for gap in installed_packages()[1])


def test_a_missing_field_is_empty_where_the_backport_of_importlib_reads_the_metadata(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib_metadata  # MLflow imports it, and from then on it answers for all of Python

    monkeypatch.setattr("segtrail.provenance.packages.distributions", importlib_metadata.distributions)
    install(folder, None)
    packages, _ = installed_packages([str(folder)])
    assert [package.licence for package in packages] == [""]


def test_of_two_installed_versions_the_one_that_is_imported_is_listed(folder: Path, tmp_path: Path) -> None:
    install(folder, FILES)
    behind = tmp_path / "behind"
    behind.mkdir()
    install(behind, FILES, metadata="Name: part\nVersion: 0.5\n")
    sys.path.append(str(behind))
    assert part().version == "1.0"


def test_a_needed_package_that_only_another_system_needs_is_left_out(folder: Path) -> None:
    needs = ["numpy>=1", 'other; sys_platform == "nowhere"', 'more; extra == "x"']
    lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
    install(folder, FILES, metadata=f"Name: part\nVersion: 1.0\n{lines}")
    assert part().requires == ("numpy",)


def test_the_bill_of_materials_is_valid_and_the_same_every_time(folder: Path) -> None:
    install(folder, FILES, metadata="Name: part\nVersion: 1.0\nLicense: Some licence of our own; see below\n")
    packages, _ = installed_packages()
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    bill = make_bill_of_materials(packages, "run_20261125_120000", moment)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    assert bill == make_bill_of_materials(list(reversed(packages)), "run_20261125_120000", moment)
    assert '"pkg:pypi/part@1.0"' in bill
