"""Every block of docs/python-api.md runs, one after the other, and the page names all that is public."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import segtrail
from run_copies import copy_run

PAGE = Path(__file__).parents[2] / "docs" / "python-api.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def workplace(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A folder with ``outputs`` and ``data``, as the page supposes."""
    home = quick_run_dir.parents[2]
    for name in ("outputs", "data"):
        copy_run(home / name, tmp_path / name)
    return tmp_path


def test_every_block_runs(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    assert len(BLOCKS) >= 6
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    assert (workplace / "case_2_labels.nii.gz").exists()


def test_the_page_names_all_that_is_public() -> None:
    text = PAGE.read_text(encoding="utf-8")
    public = [name for name in segtrail.__all__ if name != "__version__"]
    public += [name for name in vars(segtrail.Run) if not name.startswith("_")]
    public += list(segtrail.Prediction.__dataclass_fields__)
    assert [name for name in public if not re.search(rf"\b{name}\b", text)] == []


def test_importing_segtrail_imports_nothing_heavy() -> None:
    code = (
        "import sys, segtrail; "
        "sys.exit(', '.join({'torch', 'monai', 'numpy', 'scipy', 'nibabel', 'pydantic'} & set(sys.modules)) or None)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
