"""The networks of a finished run as an export takes them, and images to check it with."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrail.compute import Compute, set_up_compute
from segtrail.config.schema import Config
from segtrail.dataset.description import read_description
from segtrail.errors import CheckFailed, InputError
from segtrail.images.nifti import Volume
from segtrail.inference.reading import read_image
from segtrail.inference.trained import LoadedNetworks, load_networks
from segtrail.record.local_paths import recall_data_root
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import fingerprint
from segtrail.record.run_folder import is_shared_copy
from segtrail.report.dataset_schema import DatasetSummary
from segtrail.report.record_schema import RunRecord
from segtrail.report.run_contents import read_json_file

# More would say no more, and take long.
_MOST_CASES = 4
# A voxel between two classes may fall to the other side by the last digit; more than a few are another network.
_MOST_DIFFERING = 1e-3


@dataclass(frozen=True)
class TrainedRun:
    """A finished run and its networks.

    Attributes:
        folder: The run folder.
        record: ``run.json``.
        dataset: ``dataset_summary.json``.
        fingerprint: Its fingerprint; None where it is not sealed.
        loaded: The networks of ``best.pt``, in single precision on the CPU.
    """

    folder: Path
    record: RunRecord
    dataset: DatasetSummary
    fingerprint: str | None
    loaded: LoadedNetworks

    def check_images(self, data_root: Path | None) -> Iterator[tuple[str, Volume]]:
        """Give images to compare masks on: the first validation cases, read from the run's data set.

        Args:
            data_root: Where the data set lies; None for where this machine last saw it.

        Raises:
            InputError: It is named, and is not there or is another one.
        """
        root = data_root or recall_data_root(self.folder)
        if root is None or is_shared_copy(self.folder):
            return
        description = read_description(root, self.loaded.config.data.description_file)
        known = {case.case: case for case in description.cases}
        wanted = [case.case for case in self.dataset.cases if case.side == "val"][:_MOST_CASES]
        for name in wanted:
            if name not in known:
                raise InputError(
                    f"{root} holds no case {name}, which the run was validated on. Name its data set with --data."
                )
            yield name, read_image([*known[name].image_paths(root)], self.loaded.n_channels)


@dataclass(frozen=True)
class ComparedMask:
    """A mask of the exported network beside that of the run's.

    Attributes:
        case: The case.
        voxels: Voxels that are of any class in either.
        differing: Voxels whose class differs.
    """

    case: str
    voxels: int
    differing: int

    @classmethod
    def of(cls, case: str, ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> "ComparedMask":
        """Compare two label maps of one grid."""
        voxels = int(np.count_nonzero((ours > 0) | (theirs > 0)))
        return cls(case, voxels, int(np.count_nonzero(ours != theirs)))

    def require_same(self, tool: str, most: float = _MOST_DIFFERING) -> None:
        """Refuse masks that differ by more than rounding gives.

        Raises:
            CheckFailed: They do.
        """
        if self.differing > most * max(self.voxels, 1) + 1:
            raise CheckFailed(
                f"Nothing was exported: in {self.case} the mask of {tool} differs from that of the run in "
                f"{self.differing} of {self.voxels} voxels. Please report it."
            )


def open_trained_run(folder: Path) -> TrainedRun:
    """Open a finished run with its networks.

    Raises:
        InputError: It is not finished, its weights are not there, or a file is damaged.
    """
    record = read_json_file(folder / "run.json", RunRecord)
    dataset = read_json_file(folder / "dataset_summary.json", DatasetSummary)
    if record is None or dataset is None:
        raise InputError(f"{folder.name} has no run.json or no dataset_summary.json, so it is no whole run.")
    if record.status != "finished":
        raise InputError(
            f"{folder.name} is {record.status}, so its network is not exported. `segtrail resume` goes on with it."
        )
    if not (folder / "checkpoints" / "best.pt").is_file():
        raise InputError(f"{folder.name} has no checkpoints/best.pt, so there is no network to export.")
    sealed = fingerprint(folder) if (folder / MANIFEST).is_file() else None
    return TrainedRun(folder, record, dataset, sealed, load_networks(folder, "best", _plain_compute))


def _plain_compute(config: Config) -> Compute:
    return set_up_compute(config.train.model_copy(update={"device": "cpu", "precision": "fp32"}))
