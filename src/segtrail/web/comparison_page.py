"""The page of a comparison: what differs between runs, and paired differences of their cases."""

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from segtrail.errors import InputError
from segtrail.report.web_page import write_sections
from segtrail.run_comparison.document import found_parts, problem_parts
from segtrail.run_comparison.make_comparison import ComparisonRequest, make_comparison
from segtrail.web.pages import page
from segtrail.web.served_files import run_folder_of
from segtrail.web.site import site_of


def comparison_page(request: Request) -> Response:
    """Compare the runs that the address names; the others are compared with the first."""
    site = site_of(request)
    names = list(dict.fromkeys(name for name in request.query_params.getlist("run") if name.strip()))
    side = request.query_params.get("side", "")
    folders = [run_folder_of(site.runs, name) for name in names]
    found, problem, status = Markup(""), "", 200
    if len(folders) > 1:
        try:
            comparison = make_comparison(
                ComparisonRequest(folders, "val" if side == "val" else "test" if side == "test" else None)
            )
            parts = [*found_parts(comparison), *problem_parts(comparison)]
            found = Markup(write_sections(parts))  # noqa: S704 - made of elements, whose texts are escaped
        except InputError as error:
            problem, status = str(error), 400
    return page("comparison.html", status, names=names, side=side, found=found, problem=problem)
