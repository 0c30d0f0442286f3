"""Cross-validates variants of configs/cpu.yaml that differ in one thing, all with the same short training.

Without the average of weights, and without the largest component: ``without_training.py`` measures them on the runs of
the first row.

python benchmarks/coarse_to_fine/variants.py WORK_FOLDER --data data/Task02_Heart
python benchmarks/coarse_to_fine/variants.py WORK_FOLDER --data data/Task02_Heart --only "elastic deformation"
"""

from comparison import Changes, run_comparison

EPOCHS = 20
VARIANTS: dict[str, Changes] = {
    "cpu.yaml": (),
    "milder augmentation": (
        "stages.fine.augment.affine={probability: 1.0, rotation_degrees: 15, scale_range: [0.85, 1.15]}",
        "stages.fine.augment.blur.probability=0.1",
        "stages.fine.augment.noise.probability=0.1",
        "stages.fine.augment.brightness.probability=0.15",
        "stages.fine.augment.contrast.probability=0.15",
        "stages.fine.augment.gamma.probability=0.15",
    ),
    "elastic deformation": ("stages.fine.augment.elastic.probability=0.5",),
    "deep supervision": ("stages.fine.model={name: 'variant_parts:DeeplySupervised'}",),
    "learned upsampling": ("stages.fine.model={name: 'variant_parts:LearnedUpsampling'}",),
    "boundary loss": ("stages.fine.train.loss.name=variant_parts:BoundaryLoss",),
    "mirrored, and flips at test time": (
        "stages.fine.augment.flip.probability=0.5",
        "stages.fine.infer.flips=[0, 1, 2]",
    ),
    "larger region, margin 32 mm": ("stages.fine.region.margin_mm=32",),
    "channels 16 to 128": ("stages.fine.model.channels=[16, 32, 64, 128]",),
    "channels 32 to 160": ("stages.fine.model.channels=[32, 64, 128, 160]",),
}


def main() -> None:
    """Train what is missing and print the table."""
    short = (f"stages.fine.train.max_epochs={EPOCHS}", f"stages.fine.train.validate_every={EPOCHS}")
    candidates = {name: (*short, *changes) for name, changes in VARIANTS.items()}
    run_comparison(candidates, 3, "Compare variants of the second stage.")


if __name__ == "__main__":
    main()
