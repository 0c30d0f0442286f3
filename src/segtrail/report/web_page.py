"""A document as one web page: semantic HTML of the same parts as the PDF, with all that it shows inside the file."""

import base64
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from segtrail.report.attachments import describe_attachment
from segtrail.report.document import Document
from segtrail.report.parts import (
    Bullets,
    Column,
    Facts,
    Figure,
    Heading,
    Notice,
    Paragraph,
    Part,
    Row,
    Table,
)

# Nothing is loaded from anywhere, and nothing runs.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_PICTURE_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
_CONTENT, _FILES = "content", "attached-files"
# Controls, halves of characters and noncharacters, which no page may hold.
_UNFIT = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# They turn the direction of what follows, so that a name could make the words beside it read as others.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def write_web_page(document: Document) -> bytes:
    """Write a document as a web page; the same document gives the same bytes.

    It holds no script and refers to nothing outside of itself: pictures and attached files are ``data:`` URIs. Texts
    are those of the record in Unicode; what no page may hold is shown as U+FFFD, and marks that would turn the
    direction of other words as their code.

    Args:
        document: The document.

    Returns:
        HTML in UTF-8.
    """
    page = Element("html", {"lang": "en"})
    page.append(_head(document))
    body = SubElement(page, "body")
    _add(body, "a", "Skip to the content", {"class": "skip", "href": f"#{_CONTENT}"})
    body.append(_header(document))
    writer = _Writer()
    sections = _sections(document.parts)
    main = Element("main", {"id": _CONTENT})
    for section in sections:
        main.append(writer.section(section))
    if document.attachments:
        main.append(_attached(document))
    body.append(_contents(writer.headings, has_files=bool(document.attachments)))
    body.append(main)
    footer = SubElement(body, "footer")
    _add(footer, "p", document.frame["footer"])
    _add(_add(footer, "p"), "code", document.frame["run_id"])
    return b"<!DOCTYPE html>\n" + tostring(page, encoding="unicode", method="html").encode("utf-8") + b"\n"


def write_sections(parts: Sequence[Part]) -> str:
    """Write parts for a page of another maker, in the same form, without styles in elements.

    Args:
        parts: The parts, in sections that begin with headings of the first level.

    Returns:
        HTML for the inside of a page.
    """
    writer = _Writer()
    sections = [writer.section(section) for section in _sections(parts)]
    for section in sections:
        for element in section.iter():
            element.attrib.pop("style", None)
    return "\n".join(tostring(section, encoding="unicode", method="html") for section in sections)


def _head(document: Document) -> Element:
    frame = document.frame
    head = Element("head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY})
    _add(head, "title", frame["title"])
    described = {
        "viewport": "width=device-width, initial-scale=1",
        "color-scheme": "light dark",
        "author": frame["author"],
        "description": frame["description"],
        "keywords": ", ".join(frame["keywords"]),
    }
    for name, content in described.items():
        SubElement(head, "meta", {"name": name, "content": fit_text(content)})
    style = resources.files("segtrail.report").joinpath("web_page.css").read_text(encoding="utf-8")
    SubElement(head, "style").text = f"{style}@page {{ size: {document.data['paper']}; }}\n"
    return head


def _header(document: Document) -> Element:
    header = Element("header")
    _add(header, "p", document.frame["header"], {"class": "small"})
    _add(header, "h1", document.frame["title"])
    _add(header, "p", document.frame["subtitle"], {"class": "subtitle"})
    return header


def _contents(headings: Sequence[tuple[str, Heading]], *, has_files: bool) -> Element:
    """Write the table of contents, a list of links in two levels that unfolds at a click."""
    nav = Element("nav", {"aria-label": "Contents"})
    folded = SubElement(nav, "details")
    _add(folded, "summary", "Contents")
    outer = SubElement(folded, "ul")
    inner: Element | None = None
    entry = outer
    for anchor, heading in headings:
        if heading.level == 1:
            entry, inner = SubElement(outer, "li"), None
            _add(entry, "a", heading.text, {"href": f"#{anchor}"})
            continue
        inner = SubElement(entry, "ul") if inner is None else inner
        _add(SubElement(inner, "li"), "a", heading.text, {"href": f"#{anchor}"})
    if has_files:
        _add(SubElement(outer, "li"), "a", "Attached files", {"href": f"#{_FILES}"})
    return nav


def _attached(document: Document) -> Element:
    section = Element("section", {"aria-labelledby": _FILES})
    _add(section, "h2", "Attached files", {"id": _FILES})
    _add(section, "p", "Files of the record, as they are; a click saves them.")
    listed = SubElement(section, "ul")
    for name, content in document.attachments.items():
        described = describe_attachment(name)
        item = SubElement(listed, "li")
        link = _add(item, "a", name, {"download": name, "href": _data_uri(described["mime"], content)})
        link.tail = f": {described['description']}"
    return section


def _sections(parts: Sequence[Part]) -> list[list[Part]]:
    """Part a document at its headings of the first level."""
    sections: list[list[Part]] = []
    for part in parts:
        if not sections or (isinstance(part, Heading) and part.level == 1):
            sections.append([])
        sections[-1].append(part)
    return sections


class _Writer:
    """Writes parts in their order, and keeps count of headings, tables and figures."""

    def __init__(self) -> None:
        self.headings: list[tuple[str, Heading]] = []
        self._taken = {_CONTENT, _FILES}
        self._n_tables = self._n_figures = 0

    def section(self, parts: Iterable[Part]) -> Element:
        """Write the parts of a section; its heading names it."""
        section = Element("section")
        for part in parts:
            section.append(self._part(part))
        first = section.find("h2")
        if first is not None:
            section.set("aria-labelledby", first.attrib["id"])
        return section

    def _part(self, part: Part) -> Element:
        match part:
            case Heading():
                return self._heading(part)
            case Paragraph(text, style):
                return _element("p", text, {} if style == "body" else {"class": style})
            case Notice():
                return _notice(part)
            case Facts():
                return _facts(part)
            case Bullets(items):
                return _bullets(items)
            case Table():
                return self._table(part)
            case Figure():
                return self._figure(part)

    def _heading(self, heading: Heading) -> Element:
        anchor = self._free_anchor(heading.text)
        self.headings.append((anchor, heading))
        return _element(f"h{heading.level + 1}", heading.text, {"id": anchor})

    def _free_anchor(self, text: str) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "part"
        anchor, number = words, 1
        while anchor in self._taken:
            number += 1
            anchor = f"{words}-{number}"
        self._taken.add(anchor)
        return anchor

    def _table(self, table: Table) -> Element:
        """Write a table into a box that scrolls by itself, by the keyboard too."""
        self._n_tables += 1
        name = f"Table {self._n_tables}"
        box = Element("div", {"class": "scroll", "role": "region", "aria-label": name, "tabindex": "0"})
        element = SubElement(box, "table")
        _caption(SubElement(SubElement(element, "caption"), "span"), name, table.caption)
        header = SubElement(SubElement(element, "thead"), "tr")
        for column in table.columns:
            header.append(_column_header(column))
        body = SubElement(element, "tbody")
        naming = next((place for place, column in enumerate(table.columns) if _may_name(column)), 0)
        for row in table.rows:
            body.append(_row(row, table.columns, naming))
        return box

    def _figure(self, figure: Figure) -> Element:
        self._n_figures += 1
        kind = _PICTURE_TYPES[PurePosixPath(figure.file).suffix.lower()]
        # A drawing keeps a width at which it can be read, and scrolls where a screen is narrower.
        is_drawing = kind == _PICTURE_TYPES[".svg"]
        element = Element("figure", {"class": "drawing", "tabindex": "0"} if is_drawing else {})
        picture = {"src": _data_uri(kind, figure.content), "alt": fit_text(figure.alt)}
        SubElement(element, "img", {**picture, "style": f"--width: {figure.width_percent}%"})
        _caption(SubElement(element, "figcaption"), f"Figure {self._n_figures}", figure.caption)
        return element


def _notice(notice: Notice) -> Element:
    box = Element("div", {"class": f"notice {notice.tone}", "role": "note"})
    _add(box, "p", notice.title, {"class": "notice-title"})
    for paragraph in notice.paragraphs:
        _add(box, "p", paragraph)
    return box


def _facts(facts: Facts) -> Element:
    listed = Element("dl", {"class": "two"} if facts.columns == 2 else {})
    for fact in facts.rows:
        pair = SubElement(listed, "div")
        _add(pair, "dt", fact.label)
        value = SubElement(pair, "dd")
        _fill(value, fact.text, is_code=fact.code)
    return listed


def _bullets(items: Sequence[str]) -> Element:
    listed = Element("ul")
    for item in items:
        _add(listed, "li", item)
    return listed


def _column_header(column: Column) -> Element:
    """Write the head of a column; one without a title is no header of anything."""
    attributes = {"class": "number"} if column.align == "right" else {}
    if not column.title:
        return Element("td", attributes)
    return _element("th", column.title, {"scope": "col", **attributes})


def _may_name(column: Column) -> bool:
    """Whether a column can name its rows: one of words with a title, for numbers stand on the right."""
    return bool(column.title) and column.align == "left"


def _row(row: Row, columns: Sequence[Column], naming: int) -> Element:
    """Write a row; the cell in the column `naming` names it."""
    element = Element("tr", {} if row.tone == "neutral" else {"class": row.tone})
    for place, (cell, column) in enumerate(zip(row.cells, columns, strict=True)):
        attributes = {"class": "number"} if column.align == "right" else {}
        is_name = place == naming and bool(cell)
        target = SubElement(
            element, *(("th", {"scope": "row", **attributes}) if is_name else ("td", attributes))
        )
        _fill(target, cell, is_code=column.code)
    return element


def _caption(element: Element, name: str, text: str) -> None:
    _add(element, "b", f"{name}.").tail = f" {fit_text(text)}" if text else None


def _fill(element: Element, text: str, *, is_code: bool) -> None:
    if is_code:
        _add(element, "code", text)
    else:
        element.text = fit_text(text)


def _add(parent: Element, tag: str, text: str = "", attributes: dict[str, str] | None = None) -> Element:
    element = _element(tag, text, attributes or {})
    parent.append(element)
    return element


def _element(tag: str, text: str, attributes: dict[str, str]) -> Element:
    element = Element(tag, attributes)
    element.text = fit_text(text) or None
    return element


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def fit_text(text: Any) -> str:
    """Return a text as a page may hold it; escaping is left to whoever writes the elements."""
    turned = _TURNING.sub(lambda match: f"\\u{ord(match.group()):04x}", str(text))
    return _UNFIT.sub("\ufffd", turned)
