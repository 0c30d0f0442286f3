"""The commented configuration of a first training."""

from dataclasses import dataclass

import yaml

from segtrail.onboarding.facts import DataFacts
from segtrail.onboarding.plan_training import VAL_FRAC, Size, TrainingPlan


@dataclass(frozen=True)
class ConfigSubject:
    """What the configuration is about.

    Attributes:
        name: Name of the data set.
        data_root: Its folder, as the configuration shall give it.
        description_file: Name of its description.
        has_groups: Whether subjects have several scans.
    """

    name: str
    data_root: str
    description_file: str
    has_groups: bool


def config_text(subject: ConfigSubject, facts: DataFacts, plan: TrainingPlan) -> str:
    """Write a configuration in which every section says what it does and where its values come from.

    Args:
        subject: What it is about.
        facts: What the files hold.
        plan: The values.

    Returns:
        YAML text.
    """
    return "\n".join(
        [
            "# A first training, written by `segtrail init` from what the files hold. Every value may be changed; all",
            "# other keys keep their defaults, which docs/configuration.md lists. Relative paths start at the current",
            "# directory. One key is changed for one run as in: segtrail train FILE train.max_epochs=100",
            *_subject(subject),
            *_split(subject, facts, plan),
            *_preprocess(facts, plan),
            *_patch(facts, plan),
            *_augment(),
            *_train(plan),
            *_model(plan),
            *_infer(plan),
            "",
        ]
    )


def _subject(subject: ConfigSubject) -> list[str]:
    return [
        "project:",
        f"  name: {_quoted(subject.name)} # stands in the report, with a description and an operator if you add them",
        "paths:",
        f"  data_root: {_quoted(subject.data_root)}",
        "  output_root: outputs # runs come to outputs/runs",
        "data:",
        f"  description_file: {_quoted(subject.description_file)} # names cases, labels and channels",
    ]


def _split(subject: ConfigSubject, facts: DataFacts, plan: TrainingPlan) -> list[str]:
    why = (
        "a fifth of the cases validates"
        if plan.val_frac == VAL_FRAC
        else "enough for the scans of one subject, who stay on one side"
    )
    groups = (
        "# Scans of one subject stay on one side: they have the same group in the description."
        if subject.has_groups
        else "# Patients with several scans must be named under groups, or the validation flatters:\n"
        "  # groups: {patient_1: [CASE, CASE]}"
    )
    return [
        f"split: # {len(facts.cases)} cases",
        f"  val_frac: {plan.val_frac:g} # {why}; name them in val: [CASE, ...] to choose yourself",
        f"  {groups}",
        "  # Keep some cases for the very end, untouched by training and by choosing: test: [CASE, ...]",
    ]


def _preprocess(facts: DataFacts, plan: TrainingPlan) -> list[str]:
    median = _list(facts.median_spacing_mm)
    if plan.is_coarser:
        spacing = [
            f"  # The median spacing is {median} mm. As the volumes are large ({_shape(facts.median_shape)} voxels), a",
            "  # first training sees them coarser. For detail, and with a GPU, take the median.",
        ]
    else:
        spacing = [f"  # The median of all images, whose median size is {_shape(facts.median_shape)} voxels."]
    return [
        "preprocess: # done once for each volume, then kept in a cache",
        *spacing,
        f"  spacing: {_list(plan.spacing_mm)} # mm, along right, anterior, superior",
        *_normalisation(facts, plan),
    ]


def _normalisation(facts: DataFacts, plan: TrainingPlan) -> list[str]:
    low, high = facts.intensity_range
    seen = f"Intensities run from {low:g} to {high:g} (medians over the images)"
    if plan.window is None:
        return [
            f"  # {seen}. zscore shifts and scales each image by its own mean and",
            "  # deviation, which suits MRI; zscore_nonzero leaves out zeros, for images with the skull taken off.",
            "  normalisation: zscore",
        ]
    return [
        f"  # {seen}, as in CT: one fixed window for all images.",
        "  normalisation: window",
        "  # The 0.5th and 99.5th percentile of the intensities under the labels; widen it to see what lies around.",
        f"  intensity_window: {_list(plan.window)} # Hounsfield units",
    ]


def _patch(facts: DataFacts, plan: TrainingPlan) -> list[str]:
    whole = all(side >= size for side, size in zip(plan.patch_size, plan.shape, strict=True))
    channels = f" with {facts.n_channels} channels" if facts.n_channels > 1 else ""
    return [
        "patch: # the pieces of volume that the network learns from",
        f"  # The median volume is {_shape(plan.shape)} voxels at this spacing{channels}; "
        + ("a patch holds all of it." if whole else "a patch is what trains on a laptop."),
        f"  patch_size: {_list(plan.patch_size)} # multiples of 16; larger sees more around, and is slower",
        "  pos_neg_ratio: 1.0 # patches on a labelled voxel for each one anywhere; higher for small structures",
        f"  patches_per_case: {plan.patches_per_case} # in each epoch",
    ]


def _augment() -> list[str]:
    return [
        "augment: # random changes, so that few cases go further",
        "  affine: {probability: 0.5, rotation_degrees: 15, scale_range: [0.85, 1.15]}",
        "  # Off, because left and right differ in most of the body. Where they don't, axis 0 may be mirrored:",
        "  # flip: {probability: 0.5, axes: [0]}",
        "  flip: {probability: 0.0}",
    ]


def _train(plan: TrainingPlan) -> list[str]:
    return [
        "train:",
        "  batch_size: 2",
        f"  max_epochs: {plan.max_epochs} # minutes on two CPU cores; for a result that counts, 100 to 300",
        f"  validate_every: {plan.validate_every} # epochs",
        "  num_workers: 0 # processes that prepare patches; 2 or more beside a GPU",
    ]


def _model(plan: TrainingPlan) -> list[str]:
    return [
        "# A quick pair: segtrail's own network and a fast schedule. Those of configs/baseline.yaml, for a GPU and",
        "# patience: model: {name: unet3d}, optim: {lr: 2.0e-4}, and max_epochs: 300 under train.",
        "model: {name: fast}"
        if plan.is_deep
        else "model: {name: fast, channels: [24, 48, 96], blocks: [0, 1, 2]} # three levels, as the patches are small",
        "optim:",
        "  lr: 3.0e-3",
        "  schedule: {name: onecycle, warmup_fraction: 0.25}",
    ]


def _infer(plan: TrainingPlan) -> list[str]:
    return [
        "infer:",
        "  # Surface distances that count as right, in mm: one voxel along its longest side, and two. Better: what two",
        "  # readers of this structure differ by.",
        f"  nsd_tolerances_mm: {_list(plan.nsd_tolerances_mm)}",
    ]


def _quoted(text: str) -> str:
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000)
    return quoted.strip()


def _list(values: tuple[float, ...]) -> str:
    return f"[{', '.join(f'{value:.6g}' for value in values)}]"


def _shape(shape: Size) -> str:
    return " x ".join(map(str, shape))
