"""docs/coarse-to-fine.md shows a configuration that is one, and explains all that the guard can say."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from segtrail.config.load import load_config
from segtrail.inference import guard, region_pass, regions
from segtrail.inference.guard_note import Action, Reason

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "coarse-to-fine.md").read_text(encoding="utf-8")
METHODS = (DOCS / "METHODS.md").read_text(encoding="utf-8")


def test_the_configuration_shown_is_one_of_two_stages(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    path = tmp_path / "shown.yaml"
    path.write_text(block, encoding="utf-8")
    stages = load_config(path).stage_configs()
    assert list(stages) == ["coarse", "fine"]
    assert {stage.patch.patch_size for stage in stages.values()} == {None}
    assert stages["fine"].region.margin_mm == 20


@pytest.mark.parametrize("name", [*get_args(Reason), *get_args(Action)])
def test_every_reason_and_action_of_the_guard_has_a_row(name: str) -> None:
    assert f"| `{name}` |" in PAGE
    assert f"`{name}`" in METHODS


@pytest.mark.parametrize(
    ("constant", "as_told"),
    [
        (guard.ABSENT_PEAK, r"\\max f < {}"),
        (guard.ABSENT_SHARE, r"less than {} of the smallest"),
        (guard.CONFIDENCE_SHARE, r"found below \${}\\, q\$"),
        (guard.FIRST_VOLUME_FACTOR, r"or above \${} V_"),
        (guard.SECOND_VOLUME_FACTOR, r"or above \${} V_"),
        (guard.UNSURE_FACTOR, r"below \$1 - {} \(1 - u\)\$"),
        (guard.AGREEMENT_SHARE, r"is below \${}\\, a\$"),
        (guard._BORDER_SHARE, r"more than {} of the voxels of a face"),
        (region_pass._LOWERED_THRESHOLD, r"\$f > {} \\max f\$"),
        (region_pass._MOST_WORK, r"more than {} times the voxels of the volume would"),
        (region_pass._WIDE_THRESHOLD, r"\$f > {}\$ \|"),
    ],
)
def test_the_methods_name_the_constants_of_the_guard(constant: Any, as_told: str) -> None:
    pattern = as_told.format(re.escape(f"{constant:g}"))
    assert re.search(pattern, METHODS), pattern


def test_the_methods_name_the_constants_that_are_words() -> None:
    assert (region_pass._MOST_EXTENSIONS, "up to three times" in METHODS) == (3, True)
    assert (regions._SMALLEST_PART, "at least a\ntenth of the voxels" in METHODS) == (0.1, True)
