"""``code.zip``: the sources of the program and of the user's own code, as they ran."""

import hashlib
import site
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

from segtrail.record.program_hash import hash_sources, program_sources
from segtrail.record.stored_zip import stored_zip

FILE_NAME = "code.zip"
PROGRAM, OWN = "program", "own"
_PROGRAM_PREFIX = f"{PROGRAM}/segtrail/"


def make_code_archive(own: Iterable[ModuleType]) -> bytes:
    """Pack the package under ``program/``, and what the configuration imports of the user's own under ``own/``.

    Args:
        own: The modules that the configuration names, imported.

    Returns:
        A zip file.
    """
    return pack_code(own_sources(own))


def pack_code(own: Mapping[str, bytes]) -> bytes:
    """Pack the package and sources of the user's own; Python can import from both folders.

    Args:
        own: The sources by path below the folder that Python finds them in.

    Returns:
        A zip file; the same sources give the same bytes.
    """
    content = {f"{_PROGRAM_PREFIX}{name}": source for name, source in program_sources().items()}
    content |= {f"{OWN}/{name}": source for name, source in own.items()}
    return stored_zip(content)


def own_sources(modules: Iterable[ModuleType]) -> dict[str, bytes]:
    """Collect the sources of modules, and of those beside them that they have imported by now.

    Modules of installed packages are left out: the list of packages names those.

    Returns:
        The sources by path below the folder that Python found them in.
    """
    roots = {root for module in modules if (root := _root(module)) is not None}
    sources: dict[str, bytes] = {}
    if not roots:
        return sources
    for module in list(sys.modules.values()):
        root = _root(module)
        if root in roots and module.__name__.partition(".")[0] not in ("segtrail", "__main__"):
            path = Path(str(module.__file__)).resolve()
            sources[path.relative_to(root).as_posix()] = path.read_bytes()
    return sources


def hash_archived_program(archive: Path) -> str:
    """Return what `hash_program` gave when the archive was made.

    Raises:
        OSError: The archive can't be read.
        zipfile.BadZipFile: It is damaged.
    """
    with zipfile.ZipFile(archive) as opened:
        return hash_sources(_read(opened, _PROGRAM_PREFIX))


def hash_archived_own(archive: Path) -> dict[str, str]:
    """Return the SHA-256 of each of the user's own sources in an archive, by module."""
    with zipfile.ZipFile(archive) as opened:
        sources = _read(opened, f"{OWN}/")
    return {_module_name(name): hashlib.sha256(source).hexdigest() for name, source in sources.items()}


def _read(opened: zipfile.ZipFile, prefix: str) -> Mapping[str, bytes]:
    names = [name for name in opened.namelist() if name.startswith(prefix)]
    return {name.removeprefix(prefix): opened.read(name) for name in names}


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _root(module: ModuleType) -> Path | None:
    """Return the folder that Python found a module in; None for one without source, or of an installed package."""
    file = getattr(module, "__file__", None)
    if file is None or not str(file).endswith(".py") or not Path(file).is_file():
        return None
    path = Path(file).resolve()
    if any(path.is_relative_to(folder) for folder in _folders_of_packages()):
        return None
    depth = module.__name__.count(".") + (path.name == "__init__.py")
    return path.parents[depth]


@cache
def _folders_of_packages() -> tuple[Path, ...]:
    packages = (*site.getsitepackages(), site.getusersitepackages())
    standard = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
    return tuple(Path(folder).resolve() for folder in (*packages, *standard))
