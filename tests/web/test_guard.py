"""Who may ask for a page, and what a browser may do with the answer."""

import re

import pytest
from web_site import PORT, WebSite


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        f"example.org:{PORT}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1:{PORT}.example.org",
        f"0.0.0.0:{PORT}",
        f"127.0.0.1:{PORT}@example.org",
        "",
    ],
)
@pytest.mark.requirement("WEB-01")
def test_a_foreign_host_is_refused(site: WebSite, host: str) -> None:
    assert site.get("/", host=host).status_code == 421


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"LOCALHOST:{PORT}"])
def test_the_address_of_the_server_is_taken(site: WebSite, host: str) -> None:
    assert site.get("/", host=host).status_code == 200


@pytest.mark.parametrize("where_from", ["cross-site", "same-site", "something"])
@pytest.mark.requirement("WEB-01")
def test_a_request_of_another_site_is_refused(site: WebSite, where_from: str) -> None:
    assert site.get("/", **{"sec-fetch-site": where_from}).status_code == 403


@pytest.mark.parametrize(
    "origin", ["https://example.org", "null", f"https://127.0.0.1:{PORT}", "http://127.0.0.1:1"]
)
def test_a_foreign_origin_is_refused(site: WebSite, origin: str) -> None:
    assert site.get("/", origin=origin).status_code == 403


def test_a_request_of_the_pages_themselves_is_taken(site: WebSite) -> None:
    own = {"sec-fetch-site": "same-origin", "origin": f"http://127.0.0.1:{PORT}"}
    assert site.get("/", **own).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_can_be_sent(site: WebSite, run_id: str, method: str) -> None:
    answer = site.client.request(method, f"/runs/{run_id}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_every_answer_has_the_headers_that_guard_it(site: WebSite, run_id: str) -> None:
    pages = [
        "/",
        f"/runs/{run_id}",
        f"/runs/{run_id}/files/run.json",
        "/static/style.css",
        "/nothing",
        "/runs/none",
    ]
    for address in pages:
        headers = site.get(address).headers
        assert "default-src 'none'" in headers["content-security-policy"], address
        assert "frame-ancestors 'none'" in headers["content-security-policy"], address
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert (
            headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        )
        assert not [name for name in headers if name.startswith("access-control-")]
    assert site.get("/", host="example.org").headers["x-content-type-options"] == "nosniff"


def test_a_page_holds_no_script_or_style_of_its_own(site: WebSite, run_id: str) -> None:
    for address in ("/", f"/runs/{run_id}", f"/runs/{run_id}/cases/case_2", f"/compare?run={run_id}"):
        answer = site.get(address)
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert not re.search(
            r"<script(?![^>]* src=\"/static/)|<style|\sstyle=|\son\w+=|javascript:", answer.text
        )
        assert not re.search(r"(?:src|href|action)=\"(?!/|#)(?!data:image)", answer.text)
