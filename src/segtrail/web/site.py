"""What all pages of one server share."""

from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from segtrail.web.case_views import CaseViews
from segtrail.web.fresh_index import FreshIndex


@dataclass(frozen=True)
class Site:
    """What is shown.

    Attributes:
        runs: The folder of the runs, links followed.
        index: The index over them.
        views: Where views of cases are noted.
    """

    runs: Path
    index: FreshIndex
    views: CaseViews


def site_of(request: Request) -> Site:
    """Return what a request is about."""
    site = request.app.state.site
    assert isinstance(site, Site)
    return site
