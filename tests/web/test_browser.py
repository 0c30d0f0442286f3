"""The pages in a real browser."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import PATIENCE_MS, chromium_path, open_page, started_browser, started_server
from playwright.sync_api import Browser, expect
from test_comparison_page import copy_under_another_id
from web_site import copy_of_output_root

from segtrail.web.viewer_program import is_viewer_there

pytestmark = pytest.mark.skipif(
    chromium_path() is None, reason="Chromium is not installed: apt-get install chromium"
)
needs_viewer = pytest.mark.skipif(
    not is_viewer_there(), reason="the viewer is not here: python scripts/fetch_viewer.py"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def runs(quick_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the runs that are served; each test changes runs of its own alone."""
    root = copy_of_output_root(quick_run_dir, tmp_path_factory.mktemp("served") / "outputs")
    for name in ("run_20250101_000000", "run_20250102_000000", "run_20250103_000000"):
        copy_under_another_id(root / "runs" / quick_run_dir.name, name)
        shutil.copy(
            root / "local_paths" / f"{quick_run_dir.name}.json", root / "local_paths" / f"{name}.json"
        )
    return root / "runs"


@pytest.fixture(scope="module")
def address(runs: Path) -> Iterator[str]:
    with started_server(runs.parent, runs.parent.parent / "cache") as address:
        yield address


@pytest.mark.requirement("WEB-05")
def test_a_search_narrows_the_table_and_a_run_is_opened(browser: Browser, address: str) -> None:
    page, complaints = open_page(browser, address)
    expect(page.locator("tbody tr")).to_have_count(4)
    page.get_by_label("Search").fill("folder=run_20250102_000000")
    page.get_by_label("Search").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="run_20250102_000000", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("run_20250102_000000")
    expect(page.get_by_text("Verdict on the record")).to_be_visible()
    expect(page.get_by_role("img", name="Validation Dice: ")).to_be_visible()
    assert complaints == []


def test_the_first_key_leads_past_the_menu(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_screen(browser: Browser, address: str, width: int) -> None:
    for path in ("/", "/runs/run_20250101_000000", "/compare"):
        page, _ = open_page(browser, f"{address}{path}", width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.requirement("WEB-06")
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_a_reader_out(
    browser: Browser, address: str, runs: Path, colours: Literal["light", "dark"]
) -> None:
    first, second = "run_20250101_000000", "run_20250102_000000"
    case = json.loads((runs / first / "dataset_summary.json").read_text(encoding="utf-8"))["cases"][0]["case"]
    pages = (
        "/",
        f"/runs/{first}",
        f"/runs/{first}/cases/{case}",
        f"/compare?run={first}&run={second}",
        "/none",
    )
    page = browser.new_page(color_scheme=colours)
    page.set_default_timeout(PATIENCE_MS)
    for path in pages:
        page.goto(f"{address}{path}")
        found = Axe().run(page).response
        assert [(path, fault["id"], fault["help"]) for fault in found["violations"]] == []
        assert "color-contrast" in {rule["id"] for rule in found["passes"]}


@needs_viewer
@pytest.mark.requirement("WEB-05")
def test_the_viewer_moves_through_slices_and_says_what_is_there(browser: Browser, address: str) -> None:
    page, complaints = open_page(browser, f"{address}/runs/run_20250101_000000/cases/case_2", width=500)
    page.locator("#viewer[data-state=ready]").wait_for()
    canvas = page.locator("#canvas")
    expect(page.locator("#said")).to_contain_text("At the cross: ")
    expect(page.get_by_label("Colours")).to_contain_text("Reference: ball")
    before, place = canvas.screenshot(), page.locator("#plane-2-said").inner_text()
    page.locator("#plane-2").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#plane-2-said")).not_to_have_text(place)
    moved = canvas.screenshot()
    assert moved != before
    page.locator("#opacity-1").fill("0")
    assert canvas.screenshot() != moved
    page.locator("#view").select_option(label="Axial")
    canvas.hover()
    expect(page.locator("#said")).to_contain_text("Under the mouse: ")
    expect(page.locator("#said")).to_contain_text("Image: ")
    assert complaints == []


@needs_viewer
@pytest.mark.requirement("WEB-04")
def test_a_damaged_volume_is_named_and_the_others_are_shown(
    browser: Browser, address: str, runs: Path
) -> None:
    path = runs / "run_20250101_000000" / "predictions" / "case_3.nii.gz"
    path.write_bytes(path.read_bytes()[:200])
    page, _ = open_page(browser, f"{address}/runs/run_20250101_000000/cases/case_3", width=500)
    page.locator("#viewer[data-state=ready]").wait_for()
    expect(page.get_by_role("alert")).to_contain_text("Prediction can’t be shown")
    expect(page.get_by_label("Reference, opacity")).to_be_visible()


@needs_viewer
@pytest.mark.requirement("WEB-04")
def test_a_browser_without_webgl_2_gets_pictures_and_a_sentence(
    browser: Browser, address: str, runs: Path
) -> None:
    listed = json.loads(
        (runs / "run_20250101_000000" / "examples" / "examples.json").read_text(encoding="utf-8")
    )
    context = browser.new_context()
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = context.new_page()
    page.goto(f"{address}/runs/run_20250101_000000/cases/{listed['examples'][0]['case']}")
    expect(page.get_by_text("The viewer needs JavaScript and WebGL 2")).to_be_visible()
    expect(page.locator("figure img").first).to_be_visible()
    expect(page.locator("#viewer")).to_be_hidden()
    context.close()


@pytest.mark.requirement("WEB-05")
def test_a_run_in_training_is_followed_to_its_end(browser: Browser, address: str, runs: Path) -> None:
    run = runs / "run_20250103_000000"
    finished = (run / "run.json").read_text(encoding="utf-8")
    lines = (run / "history.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (run / "run.json").write_text(json.dumps({**json.loads(finished), "status": "running"}), encoding="utf-8")
    (run / "history.csv").write_text("".join(lines[:2]), encoding="utf-8", newline="\n")
    page, complaints = open_page(browser, f"{address}/runs/{run.name}")
    expect(page.get_by_text("1 of 2 epochs have ended").first).to_be_visible()
    with (run / "history.csv").open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(lines[2])
    expect(page.get_by_text("2 of 2 epochs have ended").first).to_be_visible()
    (run / "run.json").write_text(finished, encoding="utf-8")
    expect(page.get_by_text("Verdict on the record")).to_be_visible()
    assert complaints == []


@pytest.mark.requirement("WEB-05")
def test_ticked_runs_are_compared(browser: Browser, address: str) -> None:
    page, complaints = open_page(browser, address)
    for name in ("run_20250101_000000", "run_20250102_000000"):
        page.get_by_label(f"Compare {name}").check()
    page.get_by_role("button", name="Compare the ticked runs").click()
    expect(page.get_by_role("heading", name="Paired differences")).to_be_visible()
    expect(page.get_by_role("img", name="Line charts over the epochs")).to_be_visible()
    assert complaints == []
