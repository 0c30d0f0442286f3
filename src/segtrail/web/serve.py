"""The server: one address of this machine alone, until Ctrl-C."""

import socket
import webbrowser
from pathlib import Path

import uvicorn

from segtrail.errors import InputError
from segtrail.progress import Narrator
from segtrail.run_index.index import RunIndex
from segtrail.web.application import make_application
from segtrail.web.viewer_program import is_viewer_there

HOST = "127.0.0.1"
_SECONDS_TO_END = 3


def serve_runs(
    output_root: Path, port: int, actor: str | None, opens_browser: bool, narrator: Narrator
) -> None:
    """Serve the pages of all runs until Ctrl-C.

    Args:
        output_root: Folder that holds ``runs``.
        port: The port; 0 for any that is free.
        actor: Who looks, for the journal of views.
        opens_browser: Whether to open the first page in the browser.
        narrator: Says the address.

    Raises:
        InputError: There is no folder of runs, or the port can't be had.
    """
    if not (output_root / "runs").is_dir():
        raise InputError(
            f"There is no folder {output_root / 'runs'} yet. Train a run, or give --output-root."
        )
    listener = _listen(port)
    port = listener.getsockname()[1]
    with listener, RunIndex.open(output_root) as index:
        application = make_application(output_root, port, index, actor)
        address = f"http://{HOST}:{port}/"
        narrator.say(f"The runs of {output_root}: {address}")
        if not is_viewer_there():
            narrator.say("The viewer of volumes is not bundled here: cases show pictures. See docs/serve.md.")
        narrator.say("Only this machine can open it. Ctrl-C ends it.")
        if opens_browser:
            webbrowser.open(address)
        _run(application, listener)
    narrator.say("Ended.")


def _run(application: object, listener: socket.socket) -> None:
    settings = uvicorn.Config(
        application,  # type: ignore[arg-type]
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,  # nobody stands between the browser and this server
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    try:
        uvicorn.Server(settings).run(sockets=[listener])
    except KeyboardInterrupt:  # raised again by uvicorn once it has ended
        return


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # or Windows lets another program take the port as well
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"Port {port} of {HOST} can't be had: {reason}. Give another one with --port; 0 takes any that is free."
        ) from None
    return listener
