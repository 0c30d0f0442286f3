"""A real Chromium without a window, and a server in a process of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

# Chromium draws WebGL on the processor, which a machine without a graphics card can do too.
_ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_MS = 120_000


def chromium_path() -> str | None:
    """Return where Chromium lies on this machine."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def started_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=_ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def started_server(output_root: Path, cache: Path) -> Iterator[str]:
    """Start `segtrail serve` and give its address; at the end it is stopped by Ctrl-C, and has to end well."""
    command = [sys.executable, "-m", "segtrail", "serve", "--port", "0", "--no-browser", "--output-root"]
    server = subprocess.Popen(
        [*command, str(output_root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONUNBUFFERED": "1"},
    )
    assert server.stdout is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found, "no address was printed"
        yield found.group()
    finally:
        server.send_signal(signal.SIGINT)
        rest, _ = server.communicate(timeout=60)
    assert server.returncode == 0
    assert rest.endswith("Ended.\n")


def open_page(browser: Browser, address: str, width: int = 900) -> tuple[Page, list[str]]:
    """Open a page; what the browser complains of is collected."""
    page = browser.new_page(viewport={"width": width, "height": 700})
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    return page, complaints
