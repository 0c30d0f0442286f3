"""Pictures that many tests have drawn from the very same numbers, drawn once.

Most tests train on the same balls or make a report of the same run, and most of their time went into pictures that few
of them look at. A test that draws by itself, or that compares what was drawn twice, has the fixture ``drawn_anew``.
"""

import hashlib
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

# Where they are called: all of them give the same for the same arguments, and write nothing.
_DRAWN_WHERE = {
    "segtrail.experiment.examples": ["view_surfaces"],
    "segtrail.report.case_panels": ["_render"],
    "segtrail.report.surface_panel": ["_render"],
    "segtrail.report.sections.calibration": ["draw_calibration"],
    "segtrail.report.sections.data": ["draw_properties"],
    "segtrail.report.sections.groups": ["draw_distributions"],
    "segtrail.report.sections.regions": ["draw_regions"],
    "segtrail.report.sections.spread": ["draw_agreement", "draw_distributions"],
    "segtrail.report.sections.training": [
        "draw_helper_losses",
        "draw_learning_rate",
        "draw_losses",
        "draw_validation",
    ],
}
_MOST_KEPT = 200
_kept: dict[str, Any] = {}


def draw_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test take pictures from those that were drawn before."""
    for module_name, functions in _DRAWN_WHERE.items():
        module = sys.modules.get(module_name)  # what is not imported is not drawn yet
        for function in functions if module else ():
            monkeypatch.setattr(module, function, _once(getattr(module, function)))


def _once(draw: Callable[..., Any]) -> Callable[..., Any]:
    def drawn(*arguments: Any, **options: Any) -> Any:
        what = pickle.dumps((draw.__module__, draw.__qualname__, arguments, options))
        key = hashlib.sha256(what).hexdigest()
        if key not in _kept:
            if len(_kept) >= _MOST_KEPT:
                del _kept[next(iter(_kept))]
            _kept[key] = draw(*arguments, **options)
        return _kept[key]

    return drawn
