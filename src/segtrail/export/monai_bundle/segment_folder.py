"""Segments a folder of images with the run in a MONAI bundle; a bundle takes this file along."""

from pathlib import Path

import nibabel
import numpy as np

from segtrail import Run


def segment_folder(run_dir: str, dataset_dir: str, output_dir: str, device: str = "auto") -> None:
    """Write a label map of each NIfTI file of a folder, on the grid of the image and under its name.

    Args:
        run_dir: The run of the bundle.
        dataset_dir: Folder of the images.
        output_dir: Folder of the label maps; made where it is not there.
        device: auto, cpu, mps, cuda or cuda:N.

    Raises:
        segtrail.SegtrailError: An image can't be segmented.
    """
    run = Run(run_dir)
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    for image in sorted(Path(dataset_dir).glob("*.nii*")):
        prediction = run.predict(image, device=device)
        for warning in prediction.warnings:
            print(f"{image.name}: {warning.evidence}")
        for note in prediction.guard:
            print(f"{image.name}: {note.evidence}")
        labels = nibabel.Nifti1Image(prediction.labels.astype(np.uint8), prediction.affine)
        nibabel.save(labels, Path(output_dir) / image.name)
