"""Configuration files in a temporary folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from segtrail.config.load import load_config
from segtrail.config.schema import Config
from segtrail.errors import InputError

PATHS = "paths: {data_root: data}\n"


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Config]:
    """Load a configuration from a text that needs no ``paths``, with overrides."""

    def from_text(text: str = "", *overrides: str) -> Config:
        path = tmp_path / "config.yaml"
        path.write_text(text if "data_root" in text else PATHS + text, encoding="utf-8")
        return load_config(path, overrides)

    return from_text


@pytest.fixture
def refusal(load: Callable[..., Config]) -> Callable[..., str]:
    """Load a configuration that must be refused, and return what the user is told."""

    def message(text: str = "", *overrides: str) -> str:
        with pytest.raises(InputError) as caught:
            load(text, *overrides)
        return str(caught.value)

    return message
