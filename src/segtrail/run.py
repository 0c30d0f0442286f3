"""The Python interface: a run, opened to segment images and to be measured. Stable; see ``docs/python-api.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from segtrail.errors import InputError
from segtrail.record.run_folder import RunFolder, find_trained_run, read_json, refuse_shared_copy

if TYPE_CHECKING:  # numpy and torch are imported when they are needed, so that `import segtrail` is quick
    import numpy as np
    from numpy.typing import NDArray

    from segtrail.images.nifti import Volume
    from segtrail.inference.guard_note import GuardNote
    from segtrail.inference.likeness import TrainingRange, Unlikeness
    from segtrail.inference.trained import TrainedNetwork

# A NIfTI file, one file for each channel, a nibabel image, or an array (x, y, z) or (C, x, y, z).
Image = Any


@dataclass(frozen=True, eq=False)
class Prediction:
    """The segmentation of one image; ``labels, affine = prediction`` takes it apart.

    Attributes:
        labels: Label map on the image's own grid, shape (x, y, z), uint8; 0 is background.
        affine: 4x4 matrix from voxel indices to millimetres in RAS+ world space: that of the image.
        volumes_ml: Volume of each class without background, by its name, in mL.
        warnings: In what the image is unlike the training images; each has ``property`` and ``evidence``.
        guard: What was out of the ordinary in the search for the organs, and what was done; each has ``reason``,
            ``evidence`` and ``action``.
        probabilities: Shape (classes, x, y, z), float32, background first; None unless they were asked for.
    """

    labels: NDArray[np.uint8]
    affine: NDArray[np.float64]
    volumes_ml: Mapping[str, float]
    warnings: tuple[Unlikeness, ...]
    probabilities: NDArray[np.float32] | None = None
    guard: tuple[GuardNote, ...] = ()

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Give labels and affine."""
        return iter((self.labels, self.affine))


class Run:
    """A finished run; ``Run.open`` finds it.

    Args:
        path: The run folder.
        checkpoint: The weights to use: ``best`` or ``last``.
    """

    def __init__(self, path: str | Path, checkpoint: Literal["best", "last"] = "best") -> None:
        if checkpoint not in ("best", "last"):
            raise InputError(f"checkpoint is {checkpoint!r}; expected 'best' or 'last'.")
        self._folder = RunFolder(Path(path).expanduser().resolve())
        self._checkpoint: Literal["best", "last"] = checkpoint
        self._summary = read_json(self._folder.path / "dataset_summary.json")
        self._opened: tuple[str, TrainedNetwork, TrainingRange] | None = None

    @classmethod
    def open(
        cls,
        name: str | Path = "latest",
        output_root: str | Path = "outputs",
        checkpoint: Literal["best", "last"] = "best",
    ) -> Run:
        """Find a run; its network is loaded with the first prediction.

        Args:
            name: A run folder, a run ID, or ``latest``.
            output_root: Folder whose ``runs`` is searched for IDs and ``latest``.
            checkpoint: The weights to use: ``best`` or ``last``.

        Returns:
            The run.

        Raises:
            InputError: There is no such run, or its record can't be read.
        """
        root = Path(output_root).expanduser()
        return cls(find_trained_run(str(name), root, even_shared=True).path, checkpoint)

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    @property
    def id(self) -> str:
        """The run's name, ``run_YYYYMMDD_HHMMSS``."""
        return self._folder.run_id

    @property
    def path(self) -> Path:
        """The run folder."""
        return self._folder.path

    @property
    def labels(self) -> dict[int, str]:
        """Class name by label value; 0 is background."""
        return {int(value): str(name) for value, name in self._summary["labels"].items()}

    def predict(
        self,
        image: Image,
        *,
        affine: NDArray[Any] | None = None,
        probabilities: bool = False,
        device: str = "auto",
    ) -> Prediction:
        """Segment one image; nothing is written.

        The network is loaded once and kept until another device is asked for.

        Args:
            image: A NIfTI file; a list of them, one for each channel; a nibabel image; or an array of shape
                (x, y, z) or (C, x, y, z).
            affine: 4x4 affine of an array, from voxel indices to millimetres in RAS+; for arrays alone.
            probabilities: Give the probabilities of all classes too.
            device: auto, cpu, mps, cuda or cuda:N.

        Returns:
            The segmentation, on the image's own grid.

        Raises:
            InputError: Image, checkpoint or device can't be worked with.
            TrainingFailed: The memory ran out.
        """
        trained, known = self._open_network(device)
        volume = _as_volume(image, affine, trained.n_channels)

        from segtrail.inference.predict_image import predict_image

        predicted = predict_image(volume, trained, known)
        return Prediction(
            labels=predicted.segmentation.labels,
            affine=volume.affine,
            volumes_ml=predicted.volumes_ml,
            warnings=predicted.unlike,
            probabilities=predicted.probabilities.of_all() if probabilities else None,
            guard=predicted.segmentation.guard,
        )

    def evaluate(
        self,
        dataset: str | Path | None = None,
        *,
        cases: Sequence[str] = (),
        save: bool = False,
        device: str = "auto",
    ) -> dict[str, Any]:
        """Measure the network on a data set, as ``segtrail evaluate`` does.

        Args:
            dataset: Folder of the data set, or its description; None takes the run's own.
            cases: Names of the cases; empty means all.
            save: Keep table and predictions in the run folder.
            device: auto, cpu, mps, cuda or cuda:N.

        Returns:
            What ``segtrail evaluate --json`` prints.

        Raises:
            InputError: Run, data set or device can't be worked with.
            CheckFailed: The data set did not pass its checks.
        """
        import sys

        from segtrail.experiment.evaluate_run import EvaluationRequest, evaluate_run
        from segtrail.progress import Narrator
        from segtrail.record.local_paths import find_data_root

        refuse_shared_copy(self.path)
        root = find_data_root(self.path) if dataset is None else Path(dataset).expanduser()
        request = EvaluationRequest(root, self._checkpoint, cases, device, save)
        return evaluate_run(self._folder, request, Narrator(sys.stderr))

    def _open_network(self, device: str) -> tuple[TrainedNetwork, TrainingRange]:
        if self._opened is None or self._opened[0] != device:
            from segtrail.inference.likeness import TrainingRange
            from segtrail.inference.trained import open_trained_network

            trained = open_trained_network(self.path, self._checkpoint, device)
            known = TrainingRange.of_summary(self._summary, trained.n_channels)
            self._opened = device, trained, known
        return self._opened[1:]


def _as_volume(image: Image, affine: NDArray[Any] | None, n_channels: int) -> Volume:
    """Take an image in any of the forms of ``Run.predict``."""
    from segtrail.inference import reading

    if isinstance(image, (list, tuple)) and image and all(isinstance(file, (str, Path)) for file in image):
        _refuse_affine(affine)
        return reading.read_image([Path(file).expanduser() for file in image], n_channels)
    if isinstance(image, (str, Path)):
        _refuse_affine(affine)
        return reading.read_image([Path(image).expanduser()], n_channels)
    if hasattr(image, "dataobj") and hasattr(image, "affine"):
        _refuse_affine(affine)
        volume = reading.volume_of_nibabel(image)
    else:
        volume = reading.volume_of_array(image, affine)
    reading.require_segmentable(volume, n_channels, "The image")
    return volume


def _refuse_affine(affine: NDArray[Any] | None) -> None:
    if affine is not None:
        raise InputError("affine is given, but the image brings its own. Give one with an array alone.")
