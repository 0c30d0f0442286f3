"""Output folders with runs in them, and the application over them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from web_site import ADDRESS, PORT, WebSite, copy_of_output_root

from segtrail.run_index.index import RunIndex
from segtrail.web.application import make_application


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., WebSite]]:
    """Make the pages of an output folder."""
    opened = []

    def make(output_root: Path, actor: str | None = None) -> WebSite:
        index = RunIndex.open(output_root, tmp_path / "index")
        opened.append(index)
        application = make_application(output_root, PORT, index, actor)
        return WebSite(output_root, TestClient(application, ADDRESS, raise_server_exceptions=False))

    yield make
    for index in opened:
        index.close()


@pytest.fixture
def site(quick_run_dir: Path, tmp_path: Path, make_site: Callable[..., WebSite]) -> WebSite:
    """The pages of an output folder with one finished run, which a test may change."""
    return make_site(copy_of_output_root(quick_run_dir, tmp_path / "outputs"))


@pytest.fixture
def run_id(quick_run_dir: Path) -> str:
    """The name of that run."""
    return quick_run_dir.name
