"""What pyproject.toml can't say: the viewer of volumes is brought before a package is built."""

import runpy
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

_FETCH = Path(__file__).parent / "scripts" / "fetch_viewer.py"


class BuildWithViewer(build_py):
    """Bundles NiiVue; where it can't be brought, the package is built without and says so on the pages."""

    def run(self) -> None:
        """Build the package."""
        if not self.editable_mode and _FETCH.is_file():
            fetching = runpy.run_path(str(_FETCH))
            try:
                fetching["fetch_viewer"](None)
            except fetching["NotFetched"] as error:
                print(f"Built without the viewer of volumes: {error}", file=sys.stderr)
        super().run()


setup(cmdclass={"build_py": BuildWithViewer})
