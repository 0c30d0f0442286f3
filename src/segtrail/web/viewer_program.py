"""NiiVue, the viewer of volumes: a script that is bundled with a built package, and not kept in the repository."""

from importlib import resources

FILE_NAME = "niivue.umd.js"


def is_viewer_there() -> bool:
    """Tell whether this installation has the viewer; a checkout has it once ``scripts/fetch_viewer.py`` was run."""
    return resources.files("segtrail.web").joinpath("static", FILE_NAME).is_file()
