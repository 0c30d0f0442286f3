"""The pages made from the schema are up to date."""

from pathlib import Path

import pytest

from segtrail.config.documentation import configuration_page, json_schema
from segtrail.config.load import load_config

REPOSITORY = Path(__file__).parents[2]


def test_the_configuration_page_is_not_stale() -> None:
    page = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == configuration_page(), "Run `python -m segtrail.config.documentation docs`."


def test_the_json_schema_is_not_stale() -> None:
    schema = (REPOSITORY / "docs" / "config.schema.json").read_text(encoding="utf-8")
    assert schema == json_schema(), "Run `python -m segtrail.config.documentation docs`."


def test_the_example_of_stages_is_valid(tmp_path: Path) -> None:
    example = configuration_page().split("```yaml\n")[1].split("```")[0]
    (tmp_path / "config.yaml").write_text(example, encoding="utf-8")
    assert list(load_config(tmp_path / "config.yaml").stages) == ["coarse", "fine"]


@pytest.mark.parametrize("name", ["baseline", "quick", "dynunet", "dynunet_ds", "segresnet"])
def test_every_configuration_of_the_repository_is_valid(name: str) -> None:
    assert load_config(REPOSITORY / "configs" / f"{name}.yaml").project.name == "baseline_3d_unet_heart"
