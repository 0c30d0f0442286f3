"""The script that brings the viewer takes no other package than the one that was looked at."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "fetch_viewer.py"


def package_with(name: str, folder: Path) -> Path:
    """Make a package of npm with one file in it."""
    (folder / "file").write_text("alert(1)", encoding="utf-8")
    with tarfile.open(folder / "package.tgz", "w:gz") as archive:
        archive.add(folder / "file", name)
    return folder / "package.tgz"


@pytest.mark.parametrize("name", ["package/dist/niivue.umd.js", "package/other.js", None])
def test_another_package_is_refused_with_a_sentence(tmp_path: Path, name: str | None) -> None:
    script = tmp_path / "checkout" / "scripts" / "fetch_viewer.py"
    script.parent.mkdir(parents=True)
    script.write_bytes(SCRIPT.read_bytes())
    package = tmp_path / "none.tgz" if name is None else package_with(name, tmp_path)
    command = [sys.executable, str(script), "--package", str(package)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("Error: ")
    assert "Traceback" not in ended.stderr
