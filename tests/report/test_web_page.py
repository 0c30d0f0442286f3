"""report.html: one file with the same parts as the PDF, that any browser and any reader of screens takes."""

import base64
import re
from importlib import resources

import html5lib
import pytest
from made_reports import make_page

from segtrail.report.attachments import read_attachments
from segtrail.report.carried_files import read_carried_files
from segtrail.report.document import Document, assemble
from segtrail.report.parts import Column, Fact, Facts, Figure, Heading, Notice, Paragraph, Part, Row, Table
from segtrail.report.web_page import write_web_page

HOSTILE = '<script>alert("1")</script> \'"><img src=x onerror=alert(1)> &amp; \u202egnp.exe ]]> -->'
FRAME = {
    "title": "A title",
    "subtitle": "A subtitle.",
    "author": "An author",
    "description": "A description.",
    "keywords": ["one", "two"],
    "run_id": "run_20261123_231500",
    "header": "A project",
    "footer": "A foot.",
}
LOADING = {
    "script",
    "link",
    "iframe",
    "object",
    "embed",
    "base",
    "form",
    "video",
    "audio",
    "source",
    "template",
}


def parse(page: str | bytes):
    """Parse a page as strictly as the standard allows."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def page_of(*parts: Part, **frame) -> str:
    return write_web_page(assemble({**FRAME, **frame}, parts)).decode("utf-8")


def text_of(element) -> str:
    return re.sub(r"\s+", " ", "".join(element.itertext())).strip()


def test_the_page_is_valid_html_and_says_what_the_pdf_says(make_run):
    tree = parse(make_page(make_run().path))
    text = text_of(tree.find("body"))
    assert "Trained on 8 cases of LeftAtriumMini, the network “fast” reaches on 4 validation cases" in text
    assert "For research use only" in text
    assert "la_008" in text
    assert tree.get("lang") == "en"
    assert [title.text for title in tree.iter("h2")][:2] == ["Summary", "The data"]


@pytest.mark.usefixtures("drawn_anew")
def test_the_same_run_gives_the_same_bytes(make_run):
    run = make_run()
    assert make_page(run.path) == make_page(run.path)


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(make_run):
    tree = parse(make_page(make_run().path))
    assert not {element.tag for element in tree.iter()} & LOADING
    assert not [key for element in tree.iter() for key in element.attrib if key.startswith("on")]
    targets = [element.get(key) for element in tree.iter() for key in ("src", "href") if element.get(key)]
    assert {target[:1] if target.startswith("#") else target.partition(":")[0] for target in targets} == {
        "#",
        "data",
    }
    (policy,) = [meta for meta in tree.iter("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.get("content").startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "url(" not in "".join(style.text for style in tree.iter("style"))


def test_every_link_leads_to_one_place_and_every_heading_is_in_the_contents(make_run):
    tree = parse(make_page(make_run().path))
    anchors = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(anchors) == len(set(anchors))
    links = [link.get("href")[1:] for link in tree.iter("a") if link.get("href").startswith("#")]
    assert set(links) <= set(anchors)
    headings = [element.get("id") for element in tree.iter() if element.tag in ("h2", "h3")]
    listed = [link.get("href")[1:] for link in tree.find(".//nav").iter("a")]
    assert listed == headings


def test_tables_have_a_caption_and_headers_with_a_scope_and_scroll_by_the_keyboard():
    columns = [Column(""), Column("Case"), Column("Dice", align="right"), Column("Hash", code=True)]
    rows = [Row(["*", "la_003", "0.9", "abc"], "bad"), Row(["", "la_004", "0.8", "def"])]
    tree = parse(page_of(Table(columns, rows, "How to read it.")))
    table = tree.find(".//table")
    assert text_of(table.find("caption")) == "Table 1. How to read it."
    assert [(cell.tag, cell.get("scope"), text_of(cell)) for cell in table.find("thead/tr")] == [
        ("td", None, ""),
        ("th", "col", "Case"),
        ("th", "col", "Dice"),
        ("th", "col", "Hash"),
    ]
    first = table.find("tbody/tr")
    assert first.get("class") == "bad"
    assert [(cell.tag, cell.get("scope")) for cell in first] == [
        *[("td", None), ("th", "row")],
        *[("td", None), ("td", None)],
    ]
    assert first[2].get("class") == "number"
    assert text_of(first[3].find("code")) == "abc"
    assert tree.find(".//div[@role='region'][@tabindex='0']/table") is not None


def test_a_number_in_front_does_not_name_its_row():
    table = Table(
        [Column("No.", align="right"), Column("Point")], [Row(["1", "The split does not leak"])], ""
    )
    [row] = parse(page_of(table)).findall(".//tbody/tr")
    assert [(cell.tag, text_of(cell)) for cell in row] == [("td", "1"), ("th", "The split does not leak")]


def test_figures_lie_in_the_page_with_alt_text_and_caption():
    parts = [
        Figure("a.png", 'A "quoted" alt.', "Left.", b"\x89PNG", 50),
        Figure("b.svg", "Another.", "", b"<svg/>"),
    ]
    first, second = parse(page_of(*parts)).iter("figure")
    assert first.find("img").get("alt") == 'A "quoted" alt.'
    assert first.find("img").get("src") == "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    assert text_of(first.find("figcaption")) == "Figure 1. Left."
    assert second.find("img").get("src").startswith("data:image/svg+xml;base64,")
    assert text_of(second.find("figcaption")) == "Figure 2."


@pytest.mark.parametrize(
    "part",
    [
        Heading(HOSTILE),
        Paragraph(HOSTILE),
        Notice(HOSTILE, [HOSTILE]),
        Facts([Fact(HOSTILE, HOSTILE), Fact(HOSTILE, HOSTILE, code=True)]),
        Table([Column(HOSTILE)], [Row([HOSTILE])], HOSTILE),
        Figure("a.PNG", HOSTILE, HOSTILE, b""),
    ],
    ids=lambda part: type(part).__name__,
)
def test_no_text_of_a_part_becomes_markup(part):
    tree = parse(page_of(part))
    assert not {element.tag for element in tree.iter()} & LOADING
    assert HOSTILE.replace("\u202e", "\\u202e") in text_of(tree.find(".//main"))


def test_no_text_around_the_parts_becomes_markup():
    tree = parse(page_of(**{key: [HOSTILE] if key == "keywords" else HOSTILE for key in FRAME}))
    shown = HOSTILE.replace("\u202e", "\\u202e")
    assert text_of(tree.find(".//title")) == shown
    assert text_of(tree.find(".//h1")) == shown
    assert {meta.get("content") for meta in tree.iter("meta") if meta.get("name") in FRAME} == {shown}
    assert not {element.tag for element in tree.iter()} & LOADING


def test_any_letter_is_shown_and_only_what_no_page_may_hold_is_replaced():
    text = text_of(
        parse(page_of(Paragraph("症例 Müller العربية 👩‍⚕️ \x00\x07\x1b\ud800\uffff end"))).find(".//main")
    )
    assert text == "症例 Müller العربية 👩‍⚕️ \ufffd\ufffd\ufffd\ufffd\ufffd end"


def test_long_words_get_no_marks_for_breaking(make_run):
    run = make_run()
    name = "patient_000123_session_pre_contrast_T1_weighted" * 2
    run.write_cases([(name, "val")], ["left atrium"])
    page = make_page(run.path)
    assert name in page
    assert "\u200b" not in page


def test_the_page_carries_the_files_of_the_pdf_as_they_are(make_run):
    run = make_run()
    page = make_page(run.path).encode("utf-8")
    carried = read_carried_files(page)
    assert carried == read_attachments(run.path)
    assert set(carried) == {"metrics_summary.json", "metrics_cases.csv", "config_resolved.yaml"}


@pytest.mark.parametrize(
    "link",
    [
        '<a download="a.json" href="https://example.org/a.json">a</a>',
        '<a download="a.json" href="data:application/json,{}">a</a>',
        '<a download="a.json" href="data:;base64,e30=">a</a><a download="a.json" href="data:;base64,e30=">a</a>',
        '<a download="a.json" href="data:;base64,e3!0=">a</a>',
    ],
)
def test_a_link_that_is_not_a_file_in_the_page_is_refused(link):
    with pytest.raises(ValueError):
        read_carried_files(link.encode())


def test_no_path_of_the_machine_is_in_the_page(make_run, tmp_path):
    assert str(tmp_path) not in make_page(make_run().path)


@pytest.mark.parametrize("status", ["interrupted", "failed", "running"])
def test_a_run_that_did_not_finish_has_a_valid_page(make_run, status):
    run = make_run()
    for file in ("metrics_summary.json", "metrics_cases.csv", "examples/examples.json", "history.csv"):
        run.path.joinpath(file).unlink()
    run.write_run(status=status, ended_because="the user pressed Ctrl-C")
    assert "There is no result" in text_of(parse(make_page(run.path)).find("body"))


def test_the_contents_unfold_at_a_click(make_run):
    folded = parse(make_page(make_run().path)).find(".//nav/details")
    assert folded.get("open") is None
    assert text_of(folded.find("summary")) == "Contents"


def test_drawings_scroll_by_the_keyboard_and_photographs_fit_the_screen():
    figures = parse(page_of(Figure("a.svg", "A.", "", b"<svg/>"), Figure("b.png", "B.", "", b"x"))).findall(
        ".//figure"
    )
    assert [(figure.get("class"), figure.get("tabindex")) for figure in figures] == [
        ("drawing", "0"),
        (None, None),
    ]


def test_a_document_without_headings_has_no_contents_to_show():
    tree = parse(page_of(Paragraph("All is said.")))
    assert [link.tag for link in tree.find(".//nav").iter("a")] == []


def colours_of(style: str) -> list[dict[str, str]]:
    """The colours of the light and of the dark look, by name."""
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    return [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in (light, dark)]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_every_text_stands_out_from_what_is_behind_it_in_light_and_in_dark():
    style = resources.files("segtrail.report").joinpath("web_page.css").read_text(encoding="utf-8")
    for colours in colours_of(style):
        behind = [colours[name] for name in ("paper", "neutral", "good", "warning", "bad")]
        pairs = [(colours[text], back) for text in ("ink", "accent", "quiet") for back in behind]
        pairs += [(colours[f"{tone}-edge"], colours[tone]) for tone in ("good", "warning", "bad")]
        assert min(contrast(text, back) for text, back in pairs) >= 4.5


def test_a_document_keeps_its_parts_as_they_were_given():
    name = "a" * 100 + "症"
    document = assemble(FRAME, [Paragraph(name)])
    assert isinstance(document, Document)
    assert document.parts == [Paragraph(name)]
