"""The application: which address leads to which page, and what is said where none does."""

import sys
import traceback
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from segtrail.errors import SegtrailError
from segtrail.run_index.index import RunIndex
from segtrail.web.case_page import NotNoted, case_page, volume_file
from segtrail.web.case_views import CaseViews
from segtrail.web.comparison_page import comparison_page
from segtrail.web.file_page import run_file
from segtrail.web.fresh_index import FreshIndex
from segtrail.web.guard import Guard
from segtrail.web.pages import page
from segtrail.web.run_page import progress_part, run_page
from segtrail.web.runs_page import runs_page
from segtrail.web.served_files import NotServed
from segtrail.web.site import Site

_ROUTES = [
    Route("/", runs_page),
    Route("/compare", comparison_page),
    Route("/runs/{run}", run_page),
    Route("/runs/{run}/progress", progress_part),
    Route("/runs/{run}/cases/{case}", case_page),
    Route("/runs/{run}/volumes/{case}/{volume}", volume_file),
    Route("/runs/{run}/files/{path:path}", run_file),
    Mount("/static", StaticFiles(packages=[("segtrail.web", "static")])),
]


def make_application(output_root: Path, port: int, index: RunIndex, actor: str | None = None) -> ASGIApp:
    """Make the application.

    Args:
        output_root: Folder that holds ``runs``.
        port: The port of the server; requests for another one are refused.
        index: The index of the runs.
        actor: Who looks, for the journal of views.

    Returns:
        An ASGI application.
    """
    application = Starlette(
        routes=_ROUTES,
        exception_handlers={
            NotServed: _not_found,
            NotNoted: _not_noted,
            HTTPException: _as_page,
            SegtrailError: _unexpected,
            OSError: _vanished,
            Exception: _unexpected,
        },
    )
    root = output_root.resolve()
    application.state.site = Site(root / "runs", FreshIndex(index), CaseViews(root, actor))
    return Guard(application, port)


def _not_found(_: Request, error: Exception) -> Response:
    return page("error.html", 404, title="Not here", sentence=str(error))


def _not_noted(_: Request, error: Exception) -> Response:
    return page("error.html", 503, title="Not shown", sentence=str(error))


def _as_page(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return page("error.html", status, title="Not here", sentence="There is no such page.")


def _vanished(_: Request, error: Exception) -> Response:
    """Answer where a file vanished, or its right to be read, while the page was made."""
    reason = error.strerror if isinstance(error, OSError) else None
    sentence = f"A file could not be read while the page was made: {reason or error}. Load it again."
    status = 404 if isinstance(error, FileNotFoundError) else 500
    return page("error.html", status, title="Not shown", sentence=sentence)


def _unexpected(_: Request, error: Exception) -> Response:
    traceback.print_exception(error, file=sys.stderr)
    sentence = f"{type(error).__name__}: {error}. segtrail did not expect this; please report it with the lines that "
    sentence += "the terminal shows."
    return page("error.html", 500, title="An error of segtrail", sentence=sentence)
