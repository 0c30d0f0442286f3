"""Getting one large file over HTTP so that a broken download goes on where it broke off."""

import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Callable
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from urllib import request
from urllib.error import HTTPError, URLError

from rich.filesize import decimal

from segtrail.atomic import write_json
from segtrail.dataset.names import shown
from segtrail.errors import InputError, Interrupted
from segtrail.progress import ByteTracker, Narrator
from segtrail.version import __version__

RETRY_WAITS_SECONDS = (1.0, 5.0, 20.0)
"""Waits before the next try; the count starts again whenever a try has brought new bytes."""

TIMEOUT_SECONDS = 30.0
"""How long a server may say nothing."""

_CHUNK_BYTES = 1 << 18
_SNIFFED_BYTES = 64
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_REFUSALS = {
    401: "The server asks for a login, which segtrail does not send.",
    403: "The server does not give this file to this machine.",
    404: "There is no such file on the server; look at the address.",
    407: "The proxy asks for a login; see the environment variables http_proxy and https_proxy.",
}


class PartFile:
    """The part of a file that has come so far, beside a note of which version of the file it is of.

    Args:
        path: The part; the note lies beside it with ``.json`` added to the name.

    Attributes:
        kept_bytes: Of the bytes that lay there at first, those that are still there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note_path = path.with_name(f"{path.name}.json")
        self.kept_bytes = self.size

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def total(self) -> int | None:
        """Bytes of the whole file, where the server has said so."""
        total = self._note().get("total_bytes")
        return total if isinstance(total, int) else None

    @property
    def version(self) -> str | None:
        """What the server calls this version of the file: a strong ETag, or a date."""
        version = self._note().get("version")
        return version if isinstance(version, str) else None

    @property
    def oddity(self) -> str | None:
        """What a server sent in place of a file, as a sentence; None where the bytes may be those of a file."""
        if not self.size:
            return "The server sent nothing."
        with self.path.open("rb") as stream:
            beginning = stream.read(_SNIFFED_BYTES)
        if beginning.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
            return "The server sent a web page; a login may be needed."
        return None

    def start_anew(self, version: str | None, total: int | None) -> None:
        """Begin with no bytes. The old ones go first, so that a kill never leaves them under the new note."""
        self.discard()
        write_json(self._note_path, {"schema_version": 1, "version": version, "total_bytes": total})

    def discard(self) -> None:
        """Remove the part and its note."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)
        self.kept_bytes = 0

    def keep_as(self, path: Path) -> None:
        """Give the complete file its own name."""
        self.path.replace(path)
        self.discard()

    def __str__(self) -> str:
        """Say how much is there."""
        if self.total is None:
            return decimal(self.size)
        return f"{decimal(self.size)} of {decimal(self.total)}"

    def _note(self) -> dict[str, object]:
        try:
            note = json.loads(self._note_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}


class _BrokeOff(Exception):
    """A try that ended early, and may go better the next time."""

    def __init__(self, reason: str, unknown_host: bool = False) -> None:
        super().__init__(reason)
        self.unknown_host = unknown_host


def download(url: str, part: PartFile, narrator: Narrator, ask_for_room: Callable[[int], None]) -> None:
    """Bring a file whole into its part file, from where an earlier download broke off.

    Args:
        url: An http or https address.
        part: Where the bytes go; what lies there is continued if it is of the same version.
        narrator: Says how far it is.
        ask_for_room: Called before anything is written, with the size of the whole file in bytes
            when the server says it; raises where there is no room.

    Raises:
        InputError: The address, the server or the disk does not allow it. What has come stays.
        Interrupted: Ctrl-C or SIGTERM came. What has come stays.
    """
    try:
        with narrator.track_bytes(url_for_people(url).rpartition("/")[2]) as tracker:
            _try_until_complete(url, part, narrator, tracker, ask_for_room)
    except KeyboardInterrupt as interrupt:
        reason = str(interrupt) or "Ctrl-C came"
        raise Interrupted(f"{reason}. {part} are there; the same command goes on from there.") from None
    except OSError as error:  # of the disk: those of the network have been judged
        raise InputError(
            f"{part.path} can't be written: {error.strerror}. {part} are there; the same command goes on from there."
        ) from None


def url_for_people(url: str) -> str:
    """Return an address without its query, which may hold a key."""
    return url.partition("?")[0]


def _try_until_complete(
    url: str, part: PartFile, narrator: Narrator, tracker: ByteTracker, ask_for_room: Callable[[int], None]
) -> None:
    at_first = furthest = part.size
    failed = 0
    while part.total is None or part.size != part.total:
        try:
            return _fetch_rest(url, part, tracker, ask_for_room)
        except _BrokeOff as broken:
            failed = 1 if part.size > furthest else failed + 1
            furthest = max(furthest, part.size)
            hopeless = broken.unknown_host and furthest == at_first
            if hopeless or failed > len(RETRY_WAITS_SECONDS):
                raise InputError(_gave_up(url, part, broken, failed)) from None
            wait = RETRY_WAITS_SECONDS[failed - 1]
            narrator.say(f"Broken off: {broken}. {part} are there; trying again in {wait:g} s.")
            time.sleep(wait)
    return None


def _gave_up(url: str, part: PartFile, broken: _BrokeOff, failed: int) -> str:
    tries = f", {failed} times in a row" if failed > 1 else ""
    there = (
        f"{part} are there, and the same command goes on from there."
        if part.size
        else "Nothing is there yet."
    )
    return f"{url_for_people(url)} can't be downloaded: {broken}{tries}. {there}"


def _fetch_rest(url: str, part: PartFile, tracker: ByteTracker, ask_for_room: Callable[[int], None]) -> None:
    """Ask once for what is missing and append it.

    Raises:
        _BrokeOff: The file is not complete, and another try may help.
        InputError: No other try will help.
    """
    response = _open(url, part)
    if response is None:
        return
    with response:
        start, total = _range(response)
        if start not in (0, part.size) or (start and None not in (part.total, total) and part.total != total):
            part.discard()
            raise _BrokeOff("the server holds another file than the one that was begun")
        if total is not None:
            ask_for_room(total)
        if start == 0:
            part.start_anew(_version(response.headers), total)
        tracker.begin(start, total)
        _append(response, part, tracker)
    if total is not None and part.size < total:
        raise _BrokeOff("the server broke off")


def _open(url: str, part: PartFile) -> http.client.HTTPResponse | None:
    """Ask the server for the bytes after those of the part; None when there are no more."""
    headers = {"User-Agent": f"segtrail/{__version__}", "Accept-Encoding": "identity"}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
        if part.version:
            headers["If-Range"] = part.version
    asked = request.Request(url, headers=headers)  # noqa: S310  the opener knows http and https alone
    try:
        response: http.client.HTTPResponse = _opener().open(asked, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        with error:
            _judge_answer(error, url, part)
        return None
    except URLError as error:
        raise _judge_connection(error.reason, url) from None
    except (OSError, http.client.HTTPException) as error:
        raise _judge_connection(error, url) from None
    return response


def _opener() -> request.OpenerDirector:
    """Speak http and https alone, also where a server sends elsewhere; proxies come from the environment."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPRedirectHandler(),
        request.HTTPErrorProcessor(),
        request.HTTPDefaultErrorHandler(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _judge_answer(error: HTTPError, url: str, part: PartFile) -> None:
    """Return when the part is the whole file already; otherwise raise what follows from the server's refusal."""
    if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and part.size:
        whole = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
        if whole and int(whole[1]) == part.size:
            return
        part.discard()
        raise _BrokeOff("the server holds a shorter file than the one that was begun")
    answer = f"HTTP {error.code} ({shown(str(error.reason))})" if error.reason else f"HTTP {error.code}"
    if error.code in _PASSING:
        raise _BrokeOff(f"the server answered {answer}")
    remedy = _REFUSALS.get(error.code, "The server does not give this file; look at the address.")
    raise InputError(f"{url_for_people(url)} can't be downloaded: the server answered {answer}. {remedy}")


def _judge_connection(reason: object, url: str) -> Exception:
    """Tell a connection that may come back from one that will not."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return InputError(
            f"{url_for_people(url)} can't be downloaded: the server's certificate is not trusted here "
            f"({reason.verify_message}). Name your own authority's file in the environment variable SSL_CERT_FILE."
        )
    if isinstance(reason, socket.gaierror):
        return _BrokeOff(f"the server's name is not known here ({reason.strerror})", unknown_host=True)
    if isinstance(reason, TimeoutError):
        return _BrokeOff(f"the server said nothing for {TIMEOUT_SECONDS:g} s")
    if isinstance(reason, OSError):
        return _BrokeOff(f"there was no connection to the server ({reason.strerror or reason})")
    if isinstance(reason, http.client.HTTPException):
        return _BrokeOff(f"the server's answer was not HTTP ({type(reason).__name__})")
    return InputError(f"{url_for_people(url)} can't be downloaded: {reason}. Expected http or https.")


def _range(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Return the first byte that an answer holds, and the size of the whole file where it is said."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None:
            return -1, None
        return int(found[1]), None if found[2] == "*" else int(found[2])
    return 0, response.length


def _version(headers: Message) -> str | None:
    """Return what a later request can name in ``If-Range``, for which a weak ETag is not allowed."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _append(response: http.client.HTTPResponse, part: PartFile, tracker: ByteTracker) -> None:
    with part.path.open("ab", buffering=0) as stream:
        while chunk := _read(response):
            unwritten = memoryview(chunk)
            while unwritten:  # a disk that is nearly full takes less than it was given
                unwritten = unwritten[stream.write(unwritten) :]
            tracker.advance(len(chunk))


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_CHUNK_BYTES)
    except TimeoutError:
        raise _BrokeOff(f"the server said nothing for {TIMEOUT_SECONDS:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise _BrokeOff(f"the connection broke off ({error})") from None
