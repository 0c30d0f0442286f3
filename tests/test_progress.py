"""What is shown of bytes that come."""

import io

from segtrail.progress import Narrator


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, *, lines=True):
    with Narrator(stream).track_bytes("Archive", lines=lines) as tracker:
        tracker.begin(3_000_000, 10_000_000)
        tracker.advance(4_500_000)
    return stream.getvalue()


def test_a_terminal_shows_a_bar_with_the_bytes_that_were_there_before(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert "7.5/10.0 MB" in shown(Terminal())


def test_elsewhere_a_line_tells_the_last_full_tenth():
    assert shown(io.StringIO()) == "Archive: 70 % (7.5 MB of 10.0 MB)\n"


def test_elsewhere_short_work_is_not_told():
    assert shown(io.StringIO(), lines=False) == ""


def test_without_a_known_end_there_are_no_tenths():
    stream = io.StringIO()
    with Narrator(stream).track_bytes("Archive") as tracker:
        tracker.begin(0, None)
        tracker.advance(1000)
    assert stream.getvalue() == ""
