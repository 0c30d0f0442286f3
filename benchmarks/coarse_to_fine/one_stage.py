"""Cross-validates networks of one stage, trained for as long as the first row of variants.py.

Data, augmentation, schedule, average of weights and largest component are those of configs/cpu.yaml. The epochs were
chosen so that the training of a fold takes as long as both stages of configs/cpu.yaml with 20 epochs of the second one:
21 minutes on one thread of a processor without bf16, where eight hearts give 64 patches an epoch.

    python benchmarks/coarse_to_fine/one_stage.py WORK_FOLDER --data data/Task02_Heart
"""

from comparison import Changes, run_comparison

COMMON: Changes = (
    "stages={}",
    "preprocess.spacing=null",
    "patch={patch_size: [96, 96, 96], patches_per_case: 8}",
    "infer.largest_component=true",
)
# Model, learning rate and epochs of each.
NETWORKS = {
    "fast, 24 to 128 channels": ("{name: fast, channels: [24, 48, 96, 128]}", "5.0e-3", 27),
    "UNet, 16 to 256 channels": ("{name: unet3d}", "1.0e-3", 20),
    "DynUNet": ("{name: dynunet}", "1.0e-3", 1),
}


def main() -> None:
    """Train what is missing and print the table."""
    candidates = {
        name: (
            *COMMON,
            f"model={model}",
            f"optim.lr={rate}",
            f"train.max_epochs={epochs}",
            f"train.validate_every={epochs}",
        )
        for name, (model, rate, epochs) in NETWORKS.items()
    }
    run_comparison(candidates, 2, "Compare networks of one stage.")


if __name__ == "__main__":
    main()
