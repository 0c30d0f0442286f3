"""Which files leave the disk, and which never do."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web_site import WebSite

WAYS_OUT = [
    "../secret.txt",
    "..%2fsecret.txt",
    "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt",
    "..%5csecret.txt",
    "examples/../../secret.txt",
    "examples/%2e%2e/%2e%2e/secret.txt",
    "..%252fsecret.txt",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "C:%5csecret.txt",
    "run.json%00.txt",
    "run.json/",
    "examples//examples.json",
    "examples",
    ".lock",
    ".hidden/run.json",
    "run.json.",
    "aux",
    "a" * 3000,
]


@pytest.mark.parametrize("path", WAYS_OUT)
@pytest.mark.requirement("WEB-02")
def test_no_path_leads_out_of_a_run(site: WebSite, run_id: str, path: str) -> None:
    secret = "only for this machine"
    (site.runs / "secret.txt").write_text(secret, encoding="utf-8")
    (site.runs / run_id / ".lock").write_text(secret, encoding="utf-8")
    answer = site.get(f"/runs/{run_id}/files/{path}")
    assert answer.status_code == 404
    assert secret not in answer.text


@pytest.mark.parametrize(
    "run", ["..", "%2e%2e", ".", "..%2fruns", "%2f", "C:", "%00", ".hidden", "none", "a" * 3000]
)
@pytest.mark.requirement("WEB-02")
def test_no_name_of_a_run_leads_elsewhere(site: WebSite, run: str) -> None:
    (site.runs / ".hidden").mkdir()
    (site.runs / ".hidden" / "run.json").write_text("{}", encoding="utf-8")
    for address in (
        f"/runs/{run}",
        f"/runs/{run}/files/run.json",
        f"/runs/{run}/cases/case_2",
        f"/compare?run={run}",
    ):
        answer = site.get(address)
        # A browser takes dots out of an address before it asks; what is left may be another page.
        assert answer.status_code == 404 or "secret" not in answer.text
        assert "run.json" not in answer.text


@given(path=st.text(max_size=60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_for_the_answer_is_a_page(site: WebSite, run_id: str, path: str) -> None:
    from urllib.parse import quote

    asked = quote(path.encode("utf-8", "surrogatepass"), safe="")
    for address in (
        f"/runs/{run_id}/files/{asked}",
        f"/runs/{asked}",
        f"/?q={asked}&sort={asked}&page={asked}",
    ):
        assert site.get(address).status_code in (200, 400, 404)


@pytest.mark.requirement("WEB-02")
def test_a_link_is_not_followed(site: WebSite, run_id: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "run.json").write_text("only for this machine", encoding="utf-8")
    (site.runs / run_id / "link.json").symlink_to(secret / "run.json")
    (site.runs / run_id / "linked").symlink_to(secret, target_is_directory=True)
    (site.runs / "run_20260101_000000").symlink_to(secret, target_is_directory=True)
    for address in (f"/runs/{run_id}/files/link.json", f"/runs/{run_id}/files/linked/run.json"):
        assert site.get(address).status_code == 404
    assert site.get("/runs/run_20260101_000000").status_code == 404
    assert site.get("/runs/run_20260101_000000/files/run.json").status_code == 404
    assert "link.json" not in site.get(f"/runs/{run_id}").text


def test_the_files_of_a_run_are_given_as_they_are(site: WebSite, run_id: str) -> None:
    for name, kind in {
        "run.json": "text/plain",
        "dataset_montage.png": "image/png",
        "report.pdf": "application/pdf",
    }.items():
        answer = site.get(f"/runs/{run_id}/files/{name}")
        assert answer.content == (site.runs / run_id / name).read_bytes()
        assert answer.headers["content-type"].startswith(kind)
    weights = site.get(f"/runs/{run_id}/files/checkpoints/best.pt")
    assert weights.headers["content-disposition"].startswith("attachment")


def test_nothing_in_a_file_of_a_run_runs(site: WebSite, run_id: str) -> None:
    (site.runs / run_id / "evil.html").write_text("<script>alert(1)</script>", encoding="utf-8")
    (site.runs / run_id / "evil.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8"
    )
    for name in ("evil.html", "evil.svg", "report.html"):
        policy = site.get(f"/runs/{run_id}/files/{name}").headers["content-security-policy"]
        assert "sandbox" in policy
        assert "script-src" not in policy
        assert "allow-scripts" not in policy
        assert "default-src 'none'" in policy


@pytest.mark.requirement("WEB-02")
def test_of_a_data_set_only_the_volumes_of_the_runs_cases_are_given(site: WebSite, run_id: str) -> None:
    volume = site.get(f"/runs/{run_id}/volumes/case_2/0.nii.gz")
    assert volume.status_code == 200
    assert gzip.decompress(volume.content)[344:347] == b"n+1"
    for address in (
        "case_2/3.nii.gz",
        "case_2/0.nii",
        "case_2/dataset.json",
        "case_99/0.nii.gz",
        "..%2fcase_2/0.nii.gz",
    ):
        assert site.get(f"/runs/{run_id}/volumes/{address}").status_code == 404


@pytest.mark.parametrize(
    "file",
    ["../secret.nii.gz", "/etc/passwd", "dataset.json", "imagesTr/../../secret.nii.gz", "linked.nii.gz"],
)
@pytest.mark.requirement("WEB-02")
def test_a_record_that_was_changed_opens_no_other_file(
    site: WebSite, run_id: str, tmp_path: Path, file: str
) -> None:
    data = tmp_path / "moved" / "data"
    data.mkdir(parents=True)
    for path in (data / "dataset.json", data.parent / "secret.nii.gz"):
        path.write_text("only for this machine", encoding="utf-8")
    (data / "linked.nii.gz").symlink_to(data.parent / "secret.nii.gz")
    note = {"schema_version": 1, "data_root": str(data)}
    (site.output_root / "local_paths" / f"{run_id}.json").write_text(json.dumps(note), encoding="utf-8")
    path = site.runs / run_id / "dataset_summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    for case in summary["cases"]:
        case["image"]["file"] = file
    path.write_text(json.dumps(summary), encoding="utf-8")
    page = site.get(f"/runs/{run_id}/cases/case_2")
    assert page.status_code == 200
    assert "Image: " in page.text
    for place in range(4):
        assert "only for" not in site.get(f"/runs/{run_id}/volumes/case_2/{place}.nii.gz").text
