"""What stands before every page: who may ask, how, and what a browser may do with the answer."""

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Scripts, styles, pictures and data come from this server alone, and nothing stands inside a page as code.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A file of a run is a stranger's: nothing in it runs, and nothing is loaded for it.
FILE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
# As FILE_POLICY, with what the reports that segtrail writes hold inside themselves.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-downloads"
)
_HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
_METHODS = ("GET", "HEAD")


class Guard:
    """Refuses what does not come from this machine's own browser, and sets the headers of every answer.

    A page of another site that the user looks at can send requests to this server too. It can be told by its ``Host``
    (a name that was made to lead here), by ``Sec-Fetch-Site`` and by ``Origin``.

    Args:
        app: What answers.
        port: The port of the server.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        if port == 80:
            self._hosts |= {"127.0.0.1", "localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":  # no page uses a WebSocket
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        app = self._app if refusal is None else refusal
        await app(scope, receive, _with_headers(send, _HEADERS))

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse(
                "This server answers under the address that `segtrail serve` printed, and under no other.\n",
                421,
            )
        if method not in _METHODS:
            return PlainTextResponse(
                "Pages are read here; nothing can be sent.\n", 405, {"allow": "GET, HEAD"}
            )
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return PlainTextResponse(
                "Another site asked for this page. Type the address into the browser instead.\n", 403
            )
        origins = headers.getlist("origin")
        if any(origin.lower() not in {f"http://{host}" for host in self._hosts} for origin in origins):
            return PlainTextResponse("A page of another site asked for this.\n", 403)
        return None


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = MutableHeaders(scope=message)
            for name, value in headers.items():
                given.setdefault(name, value)
        await send(message)

    return send_with_headers
