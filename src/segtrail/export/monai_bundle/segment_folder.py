"""Segments a folder of images with the run in a MONAI bundle; a bundle takes this file along."""

from pathlib import Path

import nibabel
import numpy as np

from segtrail import Run, SegtrailError


def segment_folder(run_dir: str, dataset_dir: str, output_dir: str, device: str = "auto") -> None:
    """Write a label map of each NIfTI file of a folder, on the grid of the image and under its name.

    Args:
        run_dir: The run of the bundle.
        dataset_dir: Folder of the images.
        output_dir: Folder of the label maps; made where it is not there.
        device: auto, cpu, mps, cuda or cuda:N.

    Raises:
        SystemExit: There is no image, or some could not be segmented; the others were.
    """
    images = sorted(Path(dataset_dir).glob("*.nii*"))
    if not images:
        raise SystemExit(
            f"There is no NIfTI file in {dataset_dir}. Name the folder of the images with --dataset_dir."
        )
    run = Run(run_dir)
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    failed = []
    for number, image in enumerate(images, 1):
        try:
            _segment(run, image, Path(output_dir), device)
        except SegtrailError as error:
            failed.append(f"{image.name}: {error}")
        print(f"{number} of {len(images)}: {image.name}")
    if failed:
        raise SystemExit("These images could not be segmented:\n" + "\n".join(failed))


def _segment(run: Run, image: Path, output_dir: Path, device: str) -> None:
    prediction = run.predict(image, device=device)
    told = [warning.evidence for warning in prediction.warnings] + [
        note.evidence for note in prediction.guard
    ]
    for evidence in told:
        print(f"{image.name}: {evidence}")
    labels = nibabel.Nifti1Image(prediction.labels.astype(np.uint8), prediction.affine)
    nibabel.save(labels, output_dir / image.name)
