"""A shared copy against the run that it was made of, where run, salt and data lie: in the hospital."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segtrail.audit.data import TITLE as DATA_TITLE
from segtrail.audit.outcome import Outcome
from segtrail.errors import InputError
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import as_written, fingerprint, listed_paths
from segtrail.record.program_hash import hash_program
from segtrail.sharing.contents import make_contents
from segtrail.sharing.copy_folder import folder_name, write_copy
from segtrail.sharing.salted_root import commit_to, found_files, recorded_files, salted_root
from segtrail.sharing.secret import ShareSecret, list_secrets
from segtrail.sharing.share_file import ShareFile, read_share_file
from segtrail.sharing.terms import Choices
from segtrail.sharing.weights import FILE_NAME as WEIGHTS

ORIGINAL_TITLE = "The run gives this copy again"


@dataclass(frozen=True)
class Hospital:
    """What a copy was made of, where that lies here.

    Attributes:
        original: The run; None where it is not at hand.
        data_root: The folder of its data; None leaves the data out.
    """

    original: Path | None = None
    data_root: Path | None = None


def check_original(folder: Path, hospital: Hospital) -> Outcome:
    """Make a copy again from the run and its salt, and compare every byte.

    Args:
        folder: The copy.
        hospital: The run.

    Returns:
        A fault for each file that the run does not give; not checked without the run.
    """
    if hospital.original is None:
        because = "--original RUN compares it with the run, whose addenda hold the salt"
        return Outcome.not_checked("original", ORIGINAL_TITLE, because)
    share = read_share_file(folder)
    secret = find_secret(hospital.original, share)
    if share.program_sha256 != hash_program():
        faults = list(_faults_of_hashes(hospital.original, share, secret))
        evidence = (
            f"another segtrail ({share.segtrail_version}) made the copy, so its files were not made again; fingerprint "
            "and data are those of the run"
        )
        return Outcome.of_faults("original", ORIGINAL_TITLE, faults, evidence)
    faults = list(_differences(folder, hospital.original, share, secret))
    evidence = f"every file is what {share.run_id} and its salt give, byte by byte"
    return Outcome.of_faults("original", ORIGINAL_TITLE, faults, evidence)


def check_data_root(folder: Path, hospital: Hospital) -> Outcome:
    """Compare the root in a copy with that of the data files as they are now.

    Args:
        folder: The copy.
        hospital: The run, whose addenda hold the salt, and the data.

    Returns:
        A fault where they differ; not checked without run and data.
    """
    if hospital.original is None or hospital.data_root is None:
        because = "--data DIR with --original RUN compares them: the salt is in the run's addenda"
        return Outcome.not_checked("data", DATA_TITLE, because)
    share = read_share_file(folder)
    secret = find_secret(hospital.original, share)
    found = salted_root(secret.salt_bytes, found_files(hospital.original, hospital.data_root))
    faults = [] if found == share.data.root else ["the data files do not give the root in share.json"]
    return Outcome.of_faults(
        "data", DATA_TITLE, faults, f"{share.data.files} files give the root in share.json"
    )


def find_secret(run_dir: Path, share: ShareFile) -> ShareSecret:
    """Find what belongs to a copy in the addenda of a run.

    Args:
        run_dir: The run.
        share: What the copy says of itself.

    Raises:
        InputError: The run has none of it.
    """
    for secret in list_secrets(run_dir):
        if (
            secret.root == share.data.root
            and secret.fingerprint_commitment == share.original.fingerprint_commitment
        ):
            return secret
    raise InputError(
        f"The addenda of {run_dir.name} hold no salt of this copy: it was made of another run, or the addenda are "
        "older than it."
    )


def _faults_of_hashes(run_dir: Path, share: ShareFile, secret: ShareSecret) -> Iterator[str]:
    if commit_to(secret.salt_bytes, fingerprint(run_dir)) != share.original.fingerprint_commitment:
        yield f"the fingerprint of {run_dir.name} does not give the commitment in share.json"
    if salted_root(secret.salt_bytes, recorded_files(run_dir)) != share.data.root:
        yield f"the data files on record in {run_dir.name} do not give the root in share.json"


def _differences(folder: Path, run_dir: Path, share: ShareFile, secret: ShareSecret) -> Iterator[str]:
    contents = make_contents(run_dir, secret.salt_bytes, Choices(**share.included.model_dump()))
    with tempfile.TemporaryDirectory() as parent:
        again = Path(parent) / folder_name(share.run_id)  # whoever has the copy may have renamed it
        again.mkdir()
        write_copy(again, contents)
        names, made = set(listed_paths(folder)), set(listed_paths(again))
        yield from (f"{name} is not made from the run" for name in sorted(names - made))
        yield from (f"{name} is missing" for name in sorted(made - names))
        different = [name for name in sorted(names & made) if not _is_same(folder / name, again / name)]
        if different == [WEIGHTS] and _has_same_content(folder / WEIGHTS, again / WEIGHTS):
            return  # another torch packs the same tensors otherwise, and the manifest has the hash of that
        yield from (f"{name} is not what the run gives" for name in different)
        if not different and not _is_same(folder / MANIFEST, again / MANIFEST):
            yield f"{MANIFEST} is not what the run gives"


def _is_same(found: Path, made: Path) -> bool:
    return found.read_bytes() == made.read_bytes() or as_written(found) == as_written(made)


def _has_same_content(found: Path, made: Path) -> bool:
    from segtrail.training.checkpoint import hash_tensors, load_checkpoint

    beside = [{**load_checkpoint(path), "networks": None} for path in (found, made)]
    return hash_tensors(found) == hash_tensors(made) and beside[0] == beside[1]
