"""Files that lie beside a data set's own and that its description does not name."""

from collections import defaultdict
from pathlib import PurePosixPath

from segtrail.dataset.containment import lies_inside
from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.findings import Finding
from segtrail.dataset.names import comparable, shown_list


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
        named[path.parent.as_posix()].add(comparable(path.name))
    findings = []
    for folder in sorted(named):
        strays = [] if folder == "." else _strays(description, folder, named[folder])
        if strays:
            evidence = (
                f"{folder} holds files that {description.file_name} does not name: {shown_list(strays)}"
            )
            findings.append(Finding("stray-files", None, evidence))
    return findings


def _strays(description: DatasetDescription, folder: str, named: set[str]) -> list[str]:
    path = description.root / folder
    try:
        # A folder that is a link out of the data set is found by the check of its files.
        if not path.is_dir() or not lies_inside(path, description.root):
            return []
        return sorted(
            file.name for file in path.iterdir() if comparable(file.name) not in named and file.is_file()
        )
    except OSError:  # what a folder that can't be looked into holds, the check of its files tells
        return []
