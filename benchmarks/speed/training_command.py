"""The command by which the comparisons train with segtrail, and what they do with its runs."""

import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def training_command(
    config: str, data: Path | str, outputs: Path | str, cache: Path | str, changes: Sequence[str] = ()
) -> list[str]:
    """Return the command that trains a configuration of the repository, without a report.

    Args:
        config: File below ``configs``.
        data: The data set.
        outputs: Folder for its run.
        cache: Folder for preprocessed volumes.
        changes: Further changes of the configuration.
    """
    return [
        *(sys.executable, "-m", "segtrail", "train", str(REPOSITORY / "configs" / config)),
        f"paths.data_root={data}",
        f"paths.output_root={outputs}",
        f"paths.cache_root={cache}",
        "report.enabled=false",
        *changes,
    ]


def split(train: Sequence[str], val: Sequence[str]) -> list[str]:
    """Return the changes that name the cases of each side."""
    return [f"split.{side}=[{', '.join(cases)}]" for side, cases in (("train", train), ("val", val))]


def make_deletable(folder: Path) -> None:
    """Let a folder with runs be deleted: sealed runs are read-only."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
