"""Cross-validates networks of one stage, trained for as long as configs/cpu.yaml.

Data, augmentation, schedule, average of weights and largest component are those of configs/cpu.yaml. The epochs were
chosen so that a fold takes as long as one of configs/cpu.yaml on the same thread.

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
    "fast, 24 to 128 channels": ("{name: fast, channels: [24, 48, 96, 128]}", "5.0e-3", 60),
    "UNet, 16 to 256 channels": ("{name: unet3d}", "1.0e-3", 60),
    "DynUNet": ("{name: dynunet}", "1.0e-3", 60),
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
    run_comparison(candidates, 5, "Compare networks of one stage.")


if __name__ == "__main__":
    main()
