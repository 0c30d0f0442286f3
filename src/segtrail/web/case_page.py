"""The page of one case with its viewer, and the volumes that the viewer loads."""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from segtrail.errors import InputError
from segtrail.report.record_schema import Example
from segtrail.report.wording import SIDE_NAMES
from segtrail.web.case_files import CaseFiles, find_case
from segtrail.web.pages import in_address, page
from segtrail.web.run_page import case_table
from segtrail.web.run_reading import ReadRun, read_for_page
from segtrail.web.served_files import NotServed, run_folder_of
from segtrail.web.site import site_of
from segtrail.web.viewer_program import is_viewer_there


class NotNoted(Exception):
    """A view of a case that can't be noted, so that the case is not shown; the message is for the reader."""


def case_page(request: Request) -> Response:
    """Show a case; the view is noted first."""
    site = site_of(request)
    folder = run_folder_of(site.runs, request.path_params["run"])
    files = find_case(folder, request.path_params["case"])
    _note(site.views.note, folder.name, files)
    run = read_for_page(folder)
    contents = run.contents
    rows = [row for row in (contents.cases or [] if contents else []) if row.case == files.case]
    before, behind = _neighbours(run, files.case)
    return page(
        "case.html",
        folder=folder.name,
        files=files,
        side=SIDE_NAMES.get(files.side or "", ""),
        table=None if contents is None or not rows else case_table(contents, rows),
        layers=[
            {
                "layer": volume.layer,
                "name": volume.name,
                "url": f"/runs/{in_address(folder.name)}/volumes/{in_address(files.case)}/{place}{volume.suffix}",
            }
            for place, volume in enumerate(files.volumes)
        ],
        examples=_pictures(run, files.case),
        before=before,
        behind=behind,
        has_viewer=is_viewer_there(),
    )


def volume_file(request: Request) -> Response:
    """Give a volume of a case to the viewer."""
    site = site_of(request)
    folder = run_folder_of(site.runs, request.path_params["run"])
    files = find_case(folder, request.path_params["case"])
    wanted = request.path_params["volume"]
    for place, volume in enumerate(files.volumes):
        if wanted == f"{place}{volume.suffix}":
            _note(site.views.note_once, folder.name, files)
            return FileResponse(volume.path, media_type="application/octet-stream")
    raise NotServed("The case has no such volume.")


def _note(note: Callable[[str, CaseFiles], None], run_id: str, files: CaseFiles) -> None:
    try:
        note(run_id, files)
    except InputError as error:
        raise NotNoted(f"{error} A case is shown only where the view of it can be noted.") from None


def _pictures(run: ReadRun, case: str) -> Sequence[Example]:
    examples = run.contents.examples if run.contents else None
    return [example for example in examples.examples if example.case == case] if examples else []


def _neighbours(run: ReadRun, case: str) -> tuple[str | None, str | None]:
    """Return the cases before and behind this one, of those on the same side."""
    cases = run.contents.dataset.cases if run.contents and run.contents.dataset else []
    side = next((entry.side for entry in cases if entry.case == case), None)
    names = [entry.case for entry in cases if entry.side == side]
    if case not in names:
        return None, None
    place = names.index(case)
    return (names[place - 1] if place else None), (names[place + 1] if place + 1 < len(names) else None)
