"""Pages from templates: every text is escaped, and holds nothing that a page may not hold."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from segtrail.report.web_page import fit_text
from segtrail.version import __version__

_KIB = 1024


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else fit_text(value)


def _size(n_bytes: int) -> str:
    """Say a size as a person reads it."""
    size, units = float(n_bytes), iter(("bytes", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while size >= _KIB and unit != "TiB":
        size, unit = size / _KIB, next(units)
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def in_address(text: str) -> str:
    """Return a name as it stands in an address."""
    return quote(text, safe="/", errors="replace")


_environment = Environment(
    loader=PackageLoader("segtrail.web"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_finalize,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"size": _size, "address": in_address}
_environment.globals["version"] = __version__


def page(
    template: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Make a page.

    Args:
        template: The file in ``templates``.
        status: The status of HTTP.
        headers: More headers.
        values: What the template shows.
    """
    text = _environment.get_template(template).render(**values)
    return HTMLResponse(text.encode("utf-8", errors="replace"), status, headers)
