"""The files of a run as they are; nothing in them runs in the browser."""

from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from segtrail.web.guard import FILE_POLICY, REPORT_POLICY
from segtrail.web.served_files import file_of_run, run_folder_of
from segtrail.web.site import site_of

# What a browser shows; all else is saved. Texts are never shown as what they might be.
_SHOWN = {
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
    **dict.fromkeys(
        (".txt", ".log", ".md", ".csv", ".json", ".jsonl", ".yaml", ".bib", ".patch"),
        "text/plain; charset=utf-8",
    ),
}
# A browser shows no PDF in a sandbox, and runs no script of one.
_POLICIES = {
    ".html": REPORT_POLICY,
    ".pdf": "default-src 'none'; frame-ancestors 'none'",
    ".svg": f"{FILE_POLICY}; style-src 'unsafe-inline'",
}


def run_file(request: Request) -> Response:
    """Give a file of a run."""
    folder = run_folder_of(site_of(request).runs, request.path_params["run"])
    path = file_of_run(folder, request.path_params["path"])
    ending = PurePosixPath(path.name).suffix.lower()
    kind = _SHOWN.get(ending)
    return FileResponse(
        path,
        media_type=kind or "application/octet-stream",
        filename=path.name,
        content_disposition_type="inline" if kind else "attachment",
        headers={"content-security-policy": _POLICIES.get(ending, FILE_POLICY)},
    )
