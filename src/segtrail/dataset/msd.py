"""The ten data sets of the Medical Segmentation Decathlon: their names, their archives, and where those lie.

The data sets: M. Antonelli et al., "The Medical Segmentation Decathlon", Nature Communications 13, 4128 (2022).
The mirror and the MD5 of each archive are those that MONAI gives (``DecathlonDataset`` in ``monai.apps``).
"""

import difflib
import re
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from segtrail.errors import InputError

MIRROR = "https://msd-for-monai.s3-us-west-2.amazonaws.com/"

ARCHIVE_MD5 = {
    "Task01_BrainTumour": "240a19d752f0d9e9101544901065d872",
    "Task02_Heart": "06ee59366e1e5124267b774dbd654057",
    "Task03_Liver": "a90ec6c4aa7f6a3d087205e23d4e6397",
    "Task04_Hippocampus": "9d24dba78a72977dbd1d2e110310f31b",
    "Task05_Prostate": "35138f08b1efaef89d7424d2bcc928db",
    "Task06_Lung": "8afd997733c7fc0432f71255ba4e52dc",
    "Task07_Pancreas": "4f7080cfca169fa8066d17ce6eb061e4",
    "Task08_HepaticVessel": "641d79e80ec66453921d997fbf12a29c",
    "Task09_Spleen": "410d4a301da4e5b2f6f86ec3ddba524e",
    "Task10_Colon": "bad7a188931dc2f6acf72b08eb6202d0",
}
"""MD5 of ``TASK.tar``, by the task's name."""


def find_task(name: str) -> str:
    """Return the full name of a task.

    Args:
        name: The name, its number, or a beginning that only one task has; case does not matter.

    Raises:
        InputError: No task, or more than one, is meant.
    """
    number = re.fullmatch(r"(?:task)?0*([1-9]\d*)", name.strip(), re.IGNORECASE | re.ASCII)
    beginning = f"task{int(number[1]):02d}_" if number else name.strip().casefold()
    meant = [task for task in ARCHIVE_MD5 if task.casefold().startswith(beginning)]
    if len(meant) == 1:
        return meant[0]
    known = {part.casefold(): task for task in ARCHIVE_MD5 for part in (task, *task.split("_"))}
    close = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.5)
    guess = f" Did you mean {known[close[0]]}?" if close and not meant else ""
    found = "may be more than one task" if meant else "is no task"
    raise InputError(
        f"{name!r} {found} of the Medical Segmentation Decathlon.{guess} There are: {', '.join(ARCHIVE_MD5)}."
    )


def archive_url(task: str, mirror: str = MIRROR) -> str:
    """Return the address of a task's archive.

    Args:
        task: Full name of the task.
        mirror: Address of a folder that holds ``TASK.tar``, or of the archive itself (its name has ``.tar``).

    Raises:
        InputError: It is no http or https address, or it holds a login.
    """
    address = _split(mirror)
    folder, _, last = address.path.rpartition("/")
    if ".tar" not in last.lower():
        last = f"{last}/{task}.tar" if last else f"{task}.tar"
    path = quote(f"{folder}/{last}", safe="/%!$&'()*+,;=:@~")
    return urlunsplit((address.scheme, address.netloc, path, address.query, ""))


def how_to_get(root: Path) -> str:
    """Return the sentence that names the download of a missing data set folder; empty for other names than a task's."""
    task = next((task for task in ARCHIVE_MD5 if task.casefold() == root.name.casefold()), None)
    if task is None:
        return ""
    to = "" if root.parent == Path("data") else f' --to "{root.parent}"'
    return f" To download it: segtrail data download {task}{to}"


def _split(mirror: str) -> SplitResult:
    try:
        address = urlsplit(mirror.strip())
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
        usable = usable and address.netloc.isascii() and " " not in address.netloc + address.query
    except ValueError:
        usable = False
    if not usable:
        raise InputError(
            f"--url is {mirror!r}; expected an address that begins with http:// or https://, "
            "of a folder that holds the archive or of the archive itself."
        )
    if "@" in address.netloc:
        raise InputError("--url holds a login, which segtrail does not send. Use an address that needs none.")
    return address
