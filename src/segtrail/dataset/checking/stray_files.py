"""Files that lie beside a data set's own and that its description does not name."""

from collections import defaultdict
from pathlib import PurePosixPath

from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.findings import Finding

_SHOWN = 5


def find_stray_files(description: DatasetDescription) -> list[Finding]:
    """Look through the folders that a data set's files lie in.

    Args:
        description: The data set.

    Returns:
        One finding of stray-files for each folder that holds others; files directly beside the description are
        not counted.
    """
    named: dict[str, set[str]] = defaultdict(set)
    files = [file for case in description.cases for file in (*case.images, case.label)]
    for file in (*files, *(file for image in description.unlabelled for file in image)):
        path = PurePosixPath(file)
        named[path.parent.as_posix()].add(path.name)
    findings = []
    for folder in sorted(named):
        strays = [] if folder == "." else _strays(description, folder, named[folder])
        if strays:
            more = len(strays) - _SHOWN
            shown = ", ".join(strays[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
            evidence = f"{folder} holds files that {description.file_name} does not name: {shown}"
            findings.append(Finding("stray-files", None, evidence))
    return findings


def _strays(description: DatasetDescription, folder: str, named: set[str]) -> list[str]:
    path = description.root / folder
    # A folder that is a link out of the data set is found by the check of its files.
    if not path.is_dir() or not path.resolve().is_relative_to(description.root.resolve()):
        return []
    return sorted(file.name for file in path.iterdir() if file.is_file() and file.name not in named)
