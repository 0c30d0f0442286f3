"""Downloading a task of the decathlon, from a server on this machine that can misbehave."""

import _thread
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from filelock import FileLock

from segtrail.download import file as download_module

TASK = "Task02_Heart"


@dataclass
class Mirror:
    """A server of one archive; what it does wrong is set before it is asked."""

    content: bytes
    etag: str | None = '"first"'
    date: str | None = None
    knows_ranges: bool = True
    says_length: bool = True
    # How many bytes the next answers hold before the connection is cut; None: all of them.
    cut_after: list[int | None] = field(default_factory=list)
    always_cut_after: int | None = None
    status: int | None = None
    reason: str | None = None
    # Called when an answer is cut, before the connection closes.
    when_cut: object = None
    redirect: str | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    address: str = ""

    @property
    def md5(self):
        return hashlib.md5(self.content).hexdigest()


class Answer(BaseHTTPRequestHandler):
    mirror: Mirror

    def do_GET(self):
        mirror = self.mirror
        mirror.asked.append(dict(self.headers))
        mirror.paths.append(self.path)
        if mirror.status:
            return self.send_error(mirror.status, mirror.reason)
        if mirror.redirect:
            self.send_response(302)
            self.send_header("Location", mirror.redirect)
            return self.end_headers()
        start = self._start()
        if start and start >= len(mirror.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(mirror.content)}")
            return self.end_headers()
        self._head(start)
        cut = mirror.cut_after.pop(0) if mirror.cut_after else mirror.always_cut_after
        self.wfile.write(mirror.content[start:] if cut is None else mirror.content[start : start + cut])
        self.wfile.flush()
        if cut is not None and mirror.when_cut:
            mirror.when_cut()
        return None

    def _start(self):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        if not asked or not self.mirror.knows_ranges:
            return 0
        return int(asked[1]) if condition in (None, self.mirror.etag, self.mirror.date) else 0

    def _head(self, start):
        whole = len(self.mirror.content)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        if self.mirror.says_length:
            self.send_header("Content-Length", str(whole - start))
        if self.mirror.etag:
            self.send_header("ETag", self.mirror.etag)
        if self.mirror.date:
            self.send_header("Last-Modified", self.mirror.date)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def archive(tmp_path, new_dataset):
    """The bytes of a small data set, packed as the decathlon packs it."""
    folder = new_dataset(f"source/{TASK}")
    folder.add_case("la_003")
    folder.add_case("la_004")
    folder.save(licence="CC-BY-SA 4.0")
    folder.root.joinpath("imagesTr/._la_003.nii.gz").write_bytes(b"\0\5\x16\7")
    folder.root.joinpath(".DS_Store").write_bytes(b"\0")
    path = tmp_path / "source.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(folder.root, arcname=TASK)
    return path.read_bytes()


@pytest.fixture
def mirror(archive, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download_module, "RETRY_WAITS_SECONDS", (0.0, 0.0, 0.0))
    mirror = Mirror(archive)
    handler = type("AnswerOfMirror", (Answer,), {"mirror": mirror})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    mirror.address = f"http://127.0.0.1:{server.server_address[1]}/"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield mirror
    server.shutdown()
    server.server_close()


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def get(segtrail, mirror, data):
    """Download from the mirror; the MD5 is that of the archive at first unless another is given."""
    md5 = mirror.md5

    def run(*more, task=TASK):
        given = [] if "--md5" in more else ["--md5", md5]
        given += [] if "--url" in more else ["--url", mirror.address]
        return segtrail("data", "download", task, "--to", data, *given, *more)

    return run


def left_in(data):
    return {path.name for path in data.iterdir()} - {f".{TASK}.lock"}


def assert_complete(result, data, source):
    assert result.exit_code == 0, result.stderr
    files = {
        path.relative_to(source): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    assert len(files) == 5
    assert {
        path.relative_to(data / TASK): path.read_bytes()
        for path in (data / TASK).rglob("*")
        if path.is_file()
    } == files


@pytest.fixture
def source(tmp_path):
    return tmp_path / "source" / TASK


def test_a_task_comes_whole_without_the_files_of_macos(get, data, source):
    result = get()
    assert_complete(result, data, source)
    assert left_in(data) == {TASK}
    assert "left out: 2" in result.stdout


def test_the_end_names_folder_cases_licence_and_the_next_command(get, data):
    last = get().stdout.splitlines()[-2:]
    assert last[0] == f"{data / TASK}: 2 labelled cases, licence CC-BY-SA 4.0."
    assert last[1].startswith("Next: segtrail train configs/baseline.yaml --data ")


def test_the_answer_in_json_says_what_was_done(get, mirror, data):
    assert json.loads(get("--json").stdout) == {
        "schema_version": 1,
        "task": TASK,
        "url": f"{mirror.address}{TASK}.tar",
        "md5": mirror.md5,
        "bytes": len(mirror.content),
        "folder": str(data / TASK),
        "cases": 2,
        "licence": "CC-BY-SA 4.0",
        "downloaded": True,
        "continued_from_byte": 0,
    }


def test_off_a_terminal_every_tenth_is_a_line(get, mirror):
    mirror.cut_after = [len(mirror.content) * n // 100 for n in (15, 10, 10)]
    lines = [line for line in get().stdout.splitlines() if " % (" in line]
    tenths = [int(line.split(":")[1].split("%")[0]) for line in lines]
    assert tenths[:3] == [10, 20, 30]
    assert tenths == sorted(set(tenths))
    assert tenths[-1] == 100


def test_a_download_that_broke_off_once_goes_on_by_itself(get, mirror, data, source):
    mirror.cut_after = [9000]
    assert_complete(get(), data, source)
    assert [asked.get("Range") for asked in mirror.asked] == [None, "bytes=9000-"]
    assert mirror.asked[1]["If-Range"] == '"first"'


def test_many_breaks_are_no_end_while_new_bytes_come(get, mirror, data, source):
    mirror.always_cut_after = len(mirror.content) // 9
    assert_complete(get(), data, source)
    assert len(mirror.asked) >= 9


def test_a_server_that_sends_no_more_is_given_up_with_what_is_there(get, mirror, data):
    mirror.cut_after = [9000]
    mirror.always_cut_after = 0
    result = get()
    assert result.exit_code == 2
    assert "9.0 kB of" in result.stderr
    assert "the same command goes on from there" in result.stderr
    assert len(mirror.asked) == 4
    assert left_in(data) == {f"{TASK}.tar.part", f"{TASK}.tar.part.json"}


def test_the_same_command_goes_on_where_the_last_was_given_up(get, mirror, data, source):
    mirror.cut_after = [9000]
    mirror.always_cut_after = 0
    get()
    mirror.always_cut_after = None
    result = get("--json")
    assert_complete(result, data, source)
    assert json.loads(result.stdout)["continued_from_byte"] == 9000
    assert mirror.asked[-1]["Range"] == "bytes=9000-"


def test_a_server_without_ranges_starts_anew(get, mirror, data, source):
    mirror.knows_ranges = False
    mirror.cut_after = [9000]
    result = get("--json")
    assert_complete(result, data, source)
    assert json.loads(result.stdout)["continued_from_byte"] == 0


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(get, mirror):
    mirror.knows_ranges = False
    mirror.always_cut_after = 9000
    assert "4 times in a row" in get().stderr


def break_off_at(mirror, get, n_bytes):
    mirror.cut_after = [n_bytes]
    mirror.always_cut_after = 0
    get()
    mirror.always_cut_after = None


@pytest.mark.parametrize(
    "tags", [{"etag": '"{}"'}, {"etag": 'W/"{}"', "date": "{}"}, {"etag": None, "date": "{}"}]
)
def test_an_archive_that_changed_in_between_starts_anew(get, mirror, data, source, tags):
    for name, tag in tags.items():
        setattr(mirror, name, tag and tag.format("Mon, 02 Jan 2026 00:00:00 GMT"))
    new, mirror.content = mirror.content, b"old" * 10_000
    break_off_at(mirror, get, 9000)
    mirror.content = new
    for name, tag in tags.items():
        setattr(mirror, name, tag and tag.format("Tue, 03 Jan 2026 00:00:00 GMT"))
    result = get("--json", "--md5", mirror.md5)
    assert_complete(result, data, source)
    assert json.loads(result.stdout)["continued_from_byte"] == 0


def test_an_archive_of_another_size_starts_anew_though_the_server_names_no_version(get, mirror, data, source):
    mirror.etag = None
    new, mirror.content = mirror.content, b"old" * 10_000
    break_off_at(mirror, get, 9000)
    mirror.content = new
    assert_complete(get("--md5", mirror.md5), data, source)


def test_an_archive_that_became_shorter_than_the_part_starts_anew(get, mirror, data, source):
    new, mirror.content = mirror.content, mirror.content * 2
    break_off_at(mirror, get, len(new) + 9000)
    mirror.content = new
    assert_complete(get(), data, source)


def test_a_complete_part_without_its_note_is_not_fetched_again(get, mirror, data, source):
    data.mkdir()
    data.joinpath(f"{TASK}.tar.part").write_bytes(mirror.content)
    mirror.etag = None
    assert_complete(get(), data, source)
    assert len(mirror.asked) == 1, "the server only said that there are no more bytes"


def test_what_a_kill_while_unpacking_left_is_finished_without_the_server(get, mirror, data, source):
    break_off_at(mirror, get, 9000)
    data.joinpath(f"{TASK}.tar.part").write_bytes(mirror.content)
    data.joinpath(f".{TASK}.unpacking", TASK).mkdir(parents=True)
    data.joinpath(f".{TASK}.unpacking", TASK, "half").write_bytes(b"0")
    mirror.asked.clear()
    assert_complete(get(), data, source)
    assert mirror.asked == []
    assert left_in(data) == {TASK}


def test_ctrl_c_leaves_the_part_for_the_next_time(get, mirror, data, source):
    def interrupt():
        wait_for_bytes(data)
        _thread.interrupt_main()

    mirror.cut_after = [9000]
    mirror.when_cut = interrupt
    result = get()
    assert result.exit_code == 130
    assert "Ctrl-C came" in result.stderr
    assert "the same command goes on from there" in result.stderr
    kept = data.joinpath(f"{TASK}.tar.part").stat().st_size
    assert_complete(get(), data, source)
    assert mirror.asked[-1]["Range"] == f"bytes={kept}-"


def wait_for_bytes(data):
    part = data / f"{TASK}.tar.part"
    while not part.is_file() or not part.stat().st_size:
        time.sleep(0.01)


def test_a_killed_download_goes_on(get, mirror, data, source):
    sent, closing = threading.Event(), threading.Event()

    def hold():
        sent.set()
        closing.wait(60)

    mirror.cut_after = [9000]
    mirror.when_cut = hold
    command = ["data", "download", TASK, "--to", str(data), "--url", mirror.address, "--md5", mirror.md5]
    process = subprocess.Popen([sys.executable, "-m", "segtrail", *command], stdout=subprocess.DEVNULL)
    assert sent.wait(60)
    wait_for_bytes(data)
    process.kill()
    process.wait()
    closing.set()
    result = get("--json")
    assert_complete(result, data, source)
    assert json.loads(result.stdout)["continued_from_byte"] > 0


def test_wrong_bytes_are_told_with_both_md5s_and_deleted(get, mirror, data):
    expected = mirror.md5
    mirror.content = mirror.content[:-1] + b"x"
    result = get()
    assert result.exit_code == 1
    assert mirror.md5 in result.stderr
    assert expected in result.stderr
    assert left_in(data) == set()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "sent a web page; a login may be needed"),
        (b"", "sent nothing"),
    ],
)
def test_what_came_in_place_of_an_archive_is_told(get, mirror, data, content, said):
    mirror.content = content
    result = get()
    assert result.exit_code == 1
    assert said in " ".join(result.stderr.split())
    assert left_in(data) == set()


def test_a_servers_reason_is_shown_without_its_control_characters(get, mirror):
    mirror.status, mirror.reason = 404, "Gone\x1b[31m"
    result = get()
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "Gone\\x1b[31m" in result.stderr


def test_the_known_md5_is_asked_of_another_mirror_too(segtrail, mirror, data):
    result = segtrail("data", "download", TASK, "--to", data, "--url", mirror.address)
    assert result.exit_code == 1
    assert "06ee59366e1e5124267b774dbd654057" in result.stderr


def test_a_server_that_names_no_length_is_taken_at_its_word(get, mirror, data, source):
    mirror.says_length = False
    assert_complete(get(), data, source)


@pytest.mark.parametrize(
    ("status", "tries", "expected"),
    [(404, 1, "no such file"), (403, 1, "does not give"), (401, 1, "a login"), (503, 4, "HTTP 503")],
)
def test_a_refusal_is_told_and_tried_again_only_where_that_helps(get, mirror, data, status, tries, expected):
    mirror.status = status
    result = get()
    assert result.exit_code == 2
    assert expected in result.stderr
    assert f"HTTP {status}" in result.stderr
    assert len(mirror.asked) == tries
    assert left_in(data) == set()


def test_a_host_that_nobody_knows_is_told_at_once(get):
    result = get("--url", "http://mirror.invalid/")
    assert result.exit_code == 2
    assert "name is not known here" in result.stderr


def test_a_port_where_nobody_listens_is_told(get):
    result = get("--url", "http://127.0.0.1:9/")
    assert result.exit_code == 2
    assert "no connection to the server" in result.stderr


@pytest.mark.parametrize("address", ["ftp://host/a.tar", "file:///etc/passwd"])
def test_a_server_may_not_send_elsewhere_than_to_http(get, mirror, address):
    mirror.redirect = address
    result = get()
    assert result.exit_code == 2
    assert "can't be downloaded" in result.stderr


def test_a_proxy_of_the_environment_is_used(get, mirror, data, source, monkeypatch):
    monkeypatch.setenv("http_proxy", mirror.address)
    monkeypatch.setenv("no_proxy", "")
    assert_complete(get("--url", "http://mirror.invalid/decathlon"), data, source)
    assert mirror.paths == [f"http://mirror.invalid/decathlon/{TASK}.tar"]


def test_the_room_is_asked_before_a_byte_is_written(get, data, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=20_000))
    result = get()
    assert result.exit_code == 2
    assert "GB left" in result.stderr
    assert "--to DIR" in result.stderr
    assert left_in(data) == set()


def test_what_is_there_already_needs_no_more_room(get, mirror, data, source, monkeypatch):
    break_off_at(mirror, get, 9000)
    free = 2 * len(mirror.content) - 9000
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert_complete(get(), data, source)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_disk_that_fills_up_leaves_what_fitted(get, mirror, data, source):
    code = (
        "import resource\nfrom segtrail.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5001, 5001))\n"
        f"main(['data', 'download', '2', '--to', {str(data)!r}, '--url', {mirror.address!r}, '--md5', {mirror.md5!r}])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "can't be written" in ended.stderr
    assert "5.0 kB of" in ended.stderr
    result = get("--json")
    assert_complete(result, data, source)
    assert json.loads(result.stdout)["continued_from_byte"] == 5001


def test_a_data_set_that_is_there_is_not_downloaded_again(get, mirror):
    get()
    mirror.asked.clear()
    result = get("--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert "there already" in result.stderr
    assert (answer["downloaded"], answer["md5"], answer["cases"]) == (False, None, 2)
    assert mirror.asked == []


def test_a_folder_without_a_description_is_left_alone(get, mirror, data):
    data.joinpath(TASK).mkdir(parents=True)
    data.joinpath(TASK, "mine.txt").write_text("mine")
    result = get()
    assert result.exit_code == 2
    assert "holds no dataset.json" in result.stderr
    assert mirror.asked == []
    assert data.joinpath(TASK, "mine.txt").read_text() == "mine"


def test_a_kept_archive_is_used_instead_of_the_server(get, mirror, data, source):
    get("--keep-archive")
    data.joinpath(TASK).rename(data / "elsewhere")
    mirror.asked.clear()
    result = get("--json")
    assert_complete(result, data, source)
    assert json.loads(result.stdout)["downloaded"] is False
    assert mirror.asked == []
    assert data.joinpath(f"{TASK}.tar").read_bytes() == mirror.content


def test_a_kept_archive_with_another_md5_is_told_and_stays(get, mirror, data):
    data.mkdir()
    data.joinpath(f"{TASK}.tar").write_bytes(b"half an archive")
    result = get()
    assert result.exit_code == 1
    assert hashlib.md5(b"half an archive").hexdigest() in result.stderr
    assert data.joinpath(f"{TASK}.tar").read_bytes() == b"half an archive"
    assert mirror.asked == []


def test_a_second_process_is_sent_away(get, mirror, data):
    data.mkdir()
    with FileLock(data / f".{TASK}.lock"):
        result = get()
    assert result.exit_code == 2
    assert "Another process" in result.stderr
    assert mirror.asked == []


def test_a_place_that_cannot_be_a_folder_is_told(get, data):
    data.write_text("a file")
    result = get()
    assert result.exit_code == 2
    assert "--to DIR" in result.stderr


def test_a_key_in_the_address_is_sent_and_not_repeated(get, mirror):
    result = get("--url", f"{mirror.address}any.tar?key=secret", "--json")
    assert mirror.paths == ["/any.tar?key=secret"]
    assert "secret" not in result.stdout + result.stderr


def test_the_download_imports_neither_torch_nor_numpy(mirror, data):
    code = (
        "import sys\nfrom segtrail.cli import main\ntry:\n"
        f"    main(['data', 'download', '2', '--to', {str(data)!r}, "
        f"'--url', {mirror.address!r}, '--md5', {mirror.md5!r}])\n"
        "except SystemExit as ended:\n    print(ended.code)\n"
        "print([name for name in ('torch', 'monai', 'numpy') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-2:] == ["0", "[]"], ended.stderr
