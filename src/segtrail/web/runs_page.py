"""The first page: the table of all runs, with a search, a sorting and pages."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from segtrail.errors import InputError
from segtrail.report.wording import format_number
from segtrail.run_index.indexed_run import COLUMNS, IndexedRun
from segtrail.run_index.search import FoundRuns, Search
from segtrail.web.pages import page
from segtrail.web.site import site_of

_COLUMNS = ("status", "created", "model", "dataset", "epochs", "dice", "hd95", "n_failed", "notes")
_PER_PAGE = 50
_USUAL_SORT = "created"
# How long the page waits for runs that are being read before it shows those that are known.
_PATIENCE_SECONDS = 1.5
_NOTHING_FOUND = FoundRuns([], 0, 0, 0)


@dataclass(frozen=True)
class Heading:
    """The head of a column, and the address that sorts by it.

    Attributes:
        title: What it says.
        is_number: Whether the column holds numbers.
        href: Where a click leads.
        order: How the table is sorted by it, as ARIA names it.
    """

    title: str
    is_number: bool
    href: str
    order: str


@dataclass(frozen=True)
class Asked:
    """What the address asks for."""

    text: str
    sort: str
    descending: bool
    number: int

    @property
    def search(self) -> Search:
        """The search of one page of the table."""
        return Search(self.text, self.sort, self.descending, _PER_PAGE, (self.number - 1) * _PER_PAGE)

    def address(self, **changes: Any) -> str:
        """Return the address of this table with something changed."""
        values = {"q": self.text, "sort": self.sort, "order": self._order, "page": self.number, **changes}
        usual = {"q": "", "sort": _USUAL_SORT, "order": "desc", "page": 1}
        kept = {key: value for key, value in values.items() if value != usual[key]}
        return f"/?{urlencode(kept, errors='replace')}" if kept else "/"

    @property
    def _order(self) -> str:
        return "desc" if self.descending else "asc"


def runs_page(request: Request) -> Response:
    """Show the table of runs."""
    site, asked = site_of(request), _asked(request)
    is_fresh = site.index.freshen(_PATIENCE_SECONDS)
    problem = site.index.problem
    try:
        found = site.index.index.find(asked.search)
    except InputError as error:
        found, problem = _NOTHING_FOUND, str(error)
    last = max(1, -(-found.total // _PER_PAGE))
    return page(
        "runs.html",
        400 if problem and found is _NOTHING_FOUND else 200,
        asked=asked,
        is_fresh=is_fresh,
        problem=problem,
        found=found,
        headings=[_heading(name, asked) for name in ("folder", *_COLUMNS)],
        rows=[(run, [_cell(run, name) for name in _COLUMNS]) for run in found.runs],
        first=(asked.number - 1) * _PER_PAGE + 1,
        last_page=last,
    )


def _asked(request: Request) -> Asked:
    asked = request.query_params
    number = asked.get("page", "1")
    return Asked(
        asked.get("q", "").strip(),
        asked.get("sort", _USUAL_SORT),
        asked.get("order") != "asc",
        max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 9 else 1,
    )


def _heading(name: str, asked: Asked) -> Heading:
    column = COLUMNS[name]
    is_sorted = asked.sort == name
    # The greatest number and the newest run come first at the first click, names from A.
    turned = not asked.descending if is_sorted else column.is_number or name == "created"
    order = ("descending" if asked.descending else "ascending") if is_sorted else ""
    href = asked.address(sort=name, order="desc" if turned else "asc", page=1)
    return Heading("Run" if name == "folder" else column.title, column.is_number, href, order)


def _cell(run: IndexedRun, name: str) -> tuple[str, str, str]:
    """Return the title of a cell, its kind and its text."""
    column, value = COLUMNS[name], getattr(run, name)
    kind = (
        "status"
        if name == "status"
        else "time"
        if name == "created"
        else "number"
        if column.is_number
        else "text"
    )
    return column.title, kind, "" if value is None else _text(run, name, value)


def _text(run: IndexedRun, name: str, value: Any) -> str:
    if name == "created":
        return str(value).replace("T", " ").removesuffix("Z")
    if name == "epochs" and run.status == "running" and run.planned_epochs:
        return f"{value} of {run.planned_epochs}"
    if isinstance(value, float):
        return format_number(value, COLUMNS[name].title.partition("(")[2].rstrip(")"))
    return str(value)
