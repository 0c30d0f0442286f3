"""The code of a command: the files that it names, and the modules beside them that they import."""

from collections.abc import Iterable, Iterator, Sequence
from modulefinder import ModuleFinder
from pathlib import Path

# A larger file that a command names is data rather than code.
_LARGEST_BYTES = 1_000_000
_CODE_SUFFIXES = frozenset(
    {".py", ".sh", ".bash", ".ps1", ".bat", ".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".slurm"}
)


def collect_code(command: Sequence[str], folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """Collect scripts and configuration files that a command names, with what scripts import from beside them.

    Nothing is run. Modules of installed packages are left out, since the list of packages names those; what is
    imported by a name that is made up at run time can't be known.

    Args:
        command: The command with its arguments.
        folder: The folder that it is started in.

    Returns:
        The sources by a path of their own, and a sentence for each that could not be read.
    """
    named = list(dict.fromkeys(path for path in _named(command, folder) if _is_code(path)))
    found: dict[str, bytes] = {}
    gaps: list[str] = []
    for path in named:
        modules, failed = _imports_of(path, folder) if path.suffix == ".py" else ([], [])
        gaps += failed
        for source in [path, *modules]:
            name = _name_of(source, [folder, path.parent])
            try:
                found[name] = source.read_bytes()
            except OSError as error:
                gaps.append(f"{name} can't be read ({error.strerror}), so it is not on record.")
    return found, list(dict.fromkeys(gaps))


def _named(command: Sequence[str], folder: Path) -> Iterator[Path]:
    for place, word in enumerate(command[1:], start=1):
        if command[place - 1] == "-m":
            yield from _module_files(word, folder)
        value = word.partition("=")[2] if word.startswith("-") and "=" in word else word
        yield folder / value


def _module_files(module: str, folder: Path) -> Iterator[Path]:
    """Where `python -m` finds a module of the working folder; one of a package lies elsewhere."""
    base = folder.joinpath(*module.split("."))
    yield base.with_suffix(".py") if base.name else base
    yield base / "__main__.py"
    yield base / "__init__.py"


def _is_code(path: Path) -> bool:
    try:
        return (
            path.suffix.lower() in _CODE_SUFFIXES and path.is_file() and path.stat().st_size <= _LARGEST_BYTES
        )
    except (OSError, ValueError):  # a word that no file system takes as a name
        return False


def _imports_of(script: Path, folder: Path) -> tuple[list[Path], list[str]]:
    """Follow the imports of a script within its own folder and the working folder."""
    roots = list(dict.fromkeys(str(root.resolve()) for root in (script.parent, folder)))
    finder = ModuleFinder(path=roots)
    try:
        finder.run_script(str(script.resolve()))
    except SyntaxError as error:
        return [], [
            f"{script.name} is no Python that can be read ({error.msg}), so its imports are not known."
        ]
    except (OSError, ValueError, RecursionError, AttributeError) as error:
        return [], [f"The imports of {script.name} can't be followed: {type(error).__name__}."]
    files: Iterable[str | None] = (getattr(module, "__file__", None) for module in finder.modules.values())
    paths = [Path(file) for file in files if file and file.endswith(".py")]
    return sorted(path for path in paths if path.resolve() != script.resolve()), []


def _name_of(path: Path, roots: Sequence[Path]) -> str:
    """Name a file by its place in the working folder or beside the script; else by its own name alone."""
    resolved = path.resolve()
    for root in roots:
        if resolved.is_relative_to(root.resolve()):
            return resolved.relative_to(root.resolve()).as_posix()
    return resolved.name
