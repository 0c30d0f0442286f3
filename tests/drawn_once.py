"""Pictures that many tests have drawn from the very same numbers, drawn once.

Most tests train on the same balls, and two thirds of such a training went into pictures that no test but those of
tests/report looks at; there, and where a test draws by itself, all is drawn anew.
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
    "segtrail.report.sections.spread": ["draw_agreement", "draw_distributions"],
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
