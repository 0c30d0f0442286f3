"""Bring NiiVue, the viewer of volumes, into the package: for a checkout, and when a wheel is built.

The script of NiiVue is 2 MB of minified code, so the repository does not keep it. It comes from npm's registry by
`npm pack`; with ``--package FILE`` from a package that was downloaded elsewhere. Its hash is checked either way.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, VERSION = "@niivue/niivue", "0.69.0"
_MEMBER = "package/dist/niivue.umd.js"
_SHA256 = "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af"
TARGET = Path(__file__).parents[1] / "src" / "segtrail" / "web" / "static" / "niivue.umd.js"


class NotFetched(Exception):
    """The viewer could not be brought; the message says what to do."""


def fetch_viewer(package: Path | None, target: Path = TARGET) -> None:
    """Write NiiVue's script into the package, unless it is there.

    Args:
        package: The package of npm (``.tgz``); None to have npm download it.
        target: Where the script goes.

    Raises:
        NotFetched: There is no npm, it can't download, or the package is another one.
    """
    if target.is_file() and _is_right(target.read_bytes()):
        return
    with tempfile.TemporaryDirectory() as folder:
        content = _script_in(_download(Path(folder)) if package is None else package)
    if not _is_right(content):
        raise NotFetched(
            f"The package is not {PACKAGE} {VERSION} as it was looked at: its hash is another one."
        )
    target.write_bytes(content)


def _is_right(content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == _SHA256


def _download(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise NotFetched(
            f"npm is not here. Install Node.js for this step, or download {PACKAGE} {VERSION} elsewhere with "
            f"`npm pack {PACKAGE}@{VERSION}` and give the file with --package."
        )
    command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(folder), "--silent"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    packages = sorted(folder.glob("*.tgz"))
    if ended.returncode or not packages:
        raise NotFetched(
            f"npm could not download {PACKAGE} {VERSION}: {ended.stderr.strip() or 'it gave no reason'}"
        )
    return packages[0]


def _script_in(package: Path) -> bytes:
    try:
        with tarfile.open(package) as archive:
            member = archive.extractfile(_MEMBER)
            if member is None:
                raise NotFetched(f"{package} holds no file {_MEMBER}.")
            return member.read()
    except (OSError, KeyError, tarfile.TarError) as error:
        raise NotFetched(f"{package} is no package of NiiVue that can be read: {error}.") from None


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description="Bring NiiVue, the viewer of volumes, into the package.")
    parser.add_argument("--package", type=Path, metavar="FILE", help="a .tgz that `npm pack` made")
    try:
        fetch_viewer(parser.parse_args().package)
    except NotFetched as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(f"The viewer lies in {TARGET}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
