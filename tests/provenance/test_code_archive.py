"""code.zip holds the sources that ran, and gives the same bytes for the same sources."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy
import pytest

from segtrail.provenance.code_archive import (
    hash_archived_own,
    hash_archived_program,
    make_code_archive,
    own_sources,
)
from segtrail.record.program_hash import hash_program


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of code of one's own: a module that imports a package beside it, and one that nobody imports."""
    (tmp_path / "my_network.py").write_text("from my_parts import blocks\n", encoding="utf-8")
    (tmp_path / "my_parts").mkdir()
    (tmp_path / "my_parts" / "__init__.py").touch()
    (tmp_path / "my_parts" / "blocks.py").write_text("import numpy\n", encoding="utf-8")
    (tmp_path / "my_notes.py").write_text("secret = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("my_")]:
        del sys.modules[name]


def test_own_code_is_kept_with_what_it_imports_from_beside_it(own_folder: Path) -> None:
    sources = own_sources([import_module("my_network")])
    assert set(sources) == {"my_network.py", "my_parts/__init__.py", "my_parts/blocks.py"}
    assert sources["my_network.py"] == (own_folder / "my_network.py").read_bytes()


@pytest.mark.usefixtures("own_folder")
def test_a_module_within_a_package_is_found_from_the_folder_of_the_package() -> None:
    assert set(own_sources([import_module("my_parts.blocks")])) == {
        "my_parts/__init__.py",
        "my_parts/blocks.py",
    }


def test_code_of_installed_packages_is_left_to_the_list_of_packages() -> None:
    assert own_sources([numpy, import_module("json")]) == {}


def test_the_archive_holds_the_program_and_knows_its_hash(own_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "code.zip"
    path.write_bytes(make_code_archive([import_module("my_network")]))
    assert hash_archived_program(path) == hash_program()
    assert (
        hash_archived_own(path)["my_network"]
        == hashlib.sha256((own_folder / "my_network.py").read_bytes()).hexdigest()
    )
    assert "my_parts" in hash_archived_own(path)


def test_the_same_sources_give_the_same_bytes_whenever_they_were_written(own_folder: Path) -> None:
    module = import_module("my_network")
    before = make_code_archive([module])
    (own_folder / "my_network.py").touch()
    assert make_code_archive([module]) == before


@pytest.mark.usefixtures("own_folder")
def test_python_imports_from_the_archive_once_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(make_code_archive([import_module("my_network")]))) as opened:
        opened.extractall(tmp_path / "code")
    code = "import segtrail, my_network; print(segtrail.__file__); print(my_network.__file__)"
    folders = [str(tmp_path / "code" / name) for name in ("program", "own")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert [Path(line).is_relative_to(tmp_path / "code") for line in done.stdout.splitlines()] == [True, True]
