"""The packages that are installed, each with a hash of what was installed."""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageMetadata, distributions

# What an installer notes of itself: it says nothing of the package.
_INSTALLERS_OWN = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"})


# A program that trains one run after another opens each with the same packages, which take half a second to parse.
_READ: dict[str, "Package | None"] = {}


@dataclass(frozen=True)
class Package:
    """An installed package.

    Attributes:
        name: Its name, as it gives it.
        version: Its version.
        record_sha256: SHA-256 over the names, hashes and sizes of its files, the same wherever the same build is
            installed; None where it brings no list of files.
        licence: What its metadata say of the licence; empty where they say nothing.
        requires: Names of the packages that it needs here.
        is_editable: Whether it is a link to a working copy, so that the list says nothing of its code.
    """

    name: str
    version: str
    record_sha256: str | None
    licence: str
    requires: tuple[str, ...]
    is_editable: bool


def installed_packages(path: Sequence[str] | None = None) -> tuple[list[Package], list[str]]:
    """List all packages that Python finds, and those that bring too little to be told.

    Args:
        path: Folders to look in, as ``sys.path`` of another Python; None for this one.

    Returns:
        The packages by name, and a sentence for each that has no metadata.
    """
    packages: dict[str, Package] = {}
    gaps = []
    for found in distributions() if path is None else distributions(path=list(path)):
        package = _read(found)
        if package is None:
            gaps.append("A package without name or version in its metadata is installed; it is not listed.")
        else:
            packages.setdefault(_key(package.name), package)  # the first is the one that is imported
    gaps += [
        f"The package {package.name} {package.version} brings no list of its files: its build is not known."
        for package in packages.values()
        if package.record_sha256 is None
    ]
    return [packages[key] for key in sorted(packages)], sorted(gaps)


def _read(found: Distribution) -> Package | None:
    """Read a package's files, and make sense of them only where no run of this process has read the same."""
    texts = [found.read_text(name) for name in ("METADATA", "RECORD", "direct_url.json")]
    if texts[0] is None:  # an old package, which keeps what it needs in other files
        return _describe(found)
    key = hashlib.sha256(repr(texts).encode("utf-8")).hexdigest()
    if key not in _READ:
        _READ[key] = _describe(found)
    return _READ[key]


def _describe(found: Distribution) -> Package | None:
    """Describe a package; None where its metadata hold no name or no version."""
    from packaging.requirements import InvalidRequirement, Requirement

    metadata = found.metadata  # parsed anew each time it is asked for
    name, version = _field(metadata, "Name"), _field(metadata, "Version")
    if not name or not version:
        return None
    requires = []
    for text in metadata.get_all("Requires-Dist") or found.requires or []:  # the latter of old packages
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            requires.append(_key(requirement.name))
    return Package(
        name,
        version,
        _hash_record(found.read_text("RECORD")),
        _licence(metadata),
        tuple(sorted(set(requires))),
        '"editable": true' in (found.read_text("direct_url.json") or ""),
    )


def _hash_record(record: str | None) -> str | None:
    """Hash the lines of a list of files that are the same on every machine, in an order of our own."""
    if record is None:
        return None
    digest = hashlib.sha256()
    for line in sorted(_lines_of_package(record)):
        digest.update(line.encode("utf-8") + b"\n")
    return digest.hexdigest()


def _lines_of_package(record: str) -> Iterator[str]:
    for row in csv.reader(record.splitlines()):
        if len(row) != 3 or not row[1]:  # compiled files have no hash
            continue
        name = row[0].replace("\\", "/")
        is_outside = name.startswith(("..", "/")) or ":" in name  # programs, which hold the path of Python
        is_link = name.rpartition("/")[2].startswith("__editable__")
        if not is_outside and not is_link and name.rpartition("/")[2] not in _INSTALLERS_OWN:
            yield ",".join([name, *row[1:]])


def _licence(metadata: PackageMetadata) -> str:
    """Return the licence as an expression, else as its first line, else what the classifiers call it."""
    expression = _field(metadata, "License-Expression") or _field(metadata, "License")
    first = (expression.strip().splitlines() or [""])[0].strip()
    if first and len(first) <= 80:
        return first
    classifiers = metadata.get_all("Classifier") or []
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: ")]
    return " and ".join(named)


def _field(metadata: PackageMetadata, name: str) -> str:
    """Return a field; empty where it is missing, for which importlib_metadata, once imported, raises."""
    return str((metadata.get_all(name) or [""])[0])


def _key(name: str) -> str:
    from packaging.utils import canonicalize_name

    return str(canonicalize_name(name))
