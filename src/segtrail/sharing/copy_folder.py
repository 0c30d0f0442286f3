"""The folder of a shared copy: its files, its model card, its methods section and its manifest."""

from pathlib import Path

from segtrail.methods_text.text import write_methods
from segtrail.model_card.card import write_card
from segtrail.record.manifest import write_manifest
from segtrail.sharing.contents import CopyContents


def folder_name(run_id: str) -> str:
    """Return the name of the copy of a run: a paper cites the run by its ID, which is a time and names nobody."""
    return f"shared_{run_id}"


def write_copy(folder: Path, contents: CopyContents) -> str:
    """Write a shared copy.

    Args:
        folder: A new folder.
        contents: What is in it.

    Returns:
        The fingerprint of the copy.

    Raises:
        OSError: It can't be written.
    """
    for path, content in contents.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    write_card(folder)
    write_methods(folder)
    return write_manifest(folder, _hash_tensors)


def _hash_tensors(path: Path) -> str:
    from segtrail.training.checkpoint import hash_tensors

    return hash_tensors(path)
