"""The items of CLAIM, each by its subject in our words, and where a run's record answers it.

Source: Tejani AS, Klontzas ME, Gatti AA, et al. Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024
Update. Radiology: Artificial Intelligence 2024;6(4):e240300, published 29 May 2024. doi:10.1148/ryai.240300.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClaimItem:
    """One item of the checklist.

    Attributes:
        number: Its number in the update of 2024.
        subject: What it is about, in our words.
        where: Files of the run that answer it, as far as they do.
        question: The question of the model card whose answer it needs; empty where none does.
        authors: What is left for the authors of a manuscript; empty where the record or the question is enough.
    """

    number: int
    subject: str
    where: tuple[str, ...] = ()
    question: str = ""
    authors: str = ""


_DATA, _CONFIG, _METRICS = "dataset_summary.json", "config_resolved.yaml", "metrics_summary.json"
_CASES, _RUN, _CARD = "metrics_cases.csv", "run.json", "model_card.md"
_CODE, _PACKAGES, _USES = "provenance/code.zip", "provenance/packages.json", "test_uses.json"
_PICTURES, _GUARD, _HISTORY = "examples/examples.json", "inference.json", "history.csv"

ITEMS = (
    ClaimItem(1, "Title: a study of AI, and of which kind", (_RUN,), authors="the title"),
    ClaimItem(2, "Abstract: design, methods, results, conclusions", (_METRICS,), authors="the abstract"),
    ClaimItem(3, "Background, and the role that is meant", (_CARD,), "intended-use", "the background"),
    ClaimItem(4, "Aims and hypotheses", (_CONFIG,), authors="aims and hypotheses"),
    ClaimItem(5, "Retrospective or prospective", authors="which of both"),
    ClaimItem(6, "Goal of the study", authors="the goal"),
    ClaimItem(7, "Sources of the data", (_DATA,), "population"),
    ClaimItem(8, "Which patients and images were taken, and which not", (_DATA,), "population"),
    ClaimItem(9, "Preprocessing", (_CONFIG,), authors="what was done to the files before"),
    ClaimItem(10, "Choice of subsets of the data", (_DATA,), authors="why these"),
    ClaimItem(11, "De-identification", (_DATA,), "ethics", "how it was done"),
    ClaimItem(12, "Missing data", (_DATA, _METRICS), authors="why they are missing"),
    ClaimItem(13, "Acquisition of the images", (_DATA,), "population"),
    ClaimItem(14, "How the reference standard was obtained", question="reference-standard"),
    ClaimItem(15, "Why this reference standard", authors="the reasons"),
    ClaimItem(16, "Who annotated", question="reference-standard"),
    ClaimItem(17, "Annotation of the test cases", (_DATA,), "reference-standard"),
    ClaimItem(18, "How far annotators agree, with each other and themselves", question="reference-standard"),
    ClaimItem(19, "How cases came to the sides", (_DATA,)),
    ClaimItem(20, "Level at which the sides are apart", (_DATA, _CONFIG), "population"),
    ClaimItem(21, "Intended sample size", (_DATA,), authors="why that number"),
    ClaimItem(22, "The model", (_RUN, _CONFIG, _CODE), authors="why this model"),
    ClaimItem(23, "Software and its versions", (_RUN, _PACKAGES)),
    ClaimItem(24, "How the weights begin", (_CONFIG, _RUN)),
    ClaimItem(25, "Training", (_CONFIG, _HISTORY), authors="why these settings"),
    ClaimItem(26, "How the final model was chosen", (_METRICS,)),
    ClaimItem(27, "Ensembles", (_CONFIG,)),
    ClaimItem(28, "Metrics", (_METRICS,), authors="why these metrics"),
    ClaimItem(
        29, "Uncertainty and significance", (_METRICS,), authors="comparisons, settled before the results"
    ),
    ClaimItem(30, "Robustness", authors="which variations were tried"),
    ClaimItem(31, "Explaining what the model does", (_PICTURES,), authors="methods, where any were used"),
    ClaimItem(
        32,
        "Evaluation on internal data",
        (_CASES, _USES),
        authors="a test on cases that took no part, or why there is none",
    ),
    ClaimItem(33, "Test on external data", authors="external data, or why there are none"),
    ClaimItem(34, "Registration as a trial", authors="the registration"),
    ClaimItem(35, "Numbers of cases taken and left out", (_DATA,), authors="a diagram of the flow"),
    ClaimItem(36, "Patients of each side: age, sex, disease", (_DATA,), "population"),
    ClaimItem(37, "Performance with its uncertainty", (_METRICS,)),
    ClaimItem(
        38, "Diagnostic performance and its precision", (_METRICS,), authors="where a diagnosis is the aim"
    ),
    ClaimItem(39, "Analysis of failures", (_CASES, _PICTURES, _GUARD), "consequences"),
    ClaimItem(40, "Limitations", (_CARD,), authors="the clinical ones"),
    ClaimItem(41, "What it means for practice", (_CARD,), "intended-use", "what follows for practice"),
    ClaimItem(42, "Protocol and technical details", (_CONFIG, _CODE), authors="the protocol"),
    ClaimItem(43, "Access to software, model and data", (_CODE, _DATA), "licence", "where they can be had"),
    ClaimItem(44, "Funding", authors="all of it"),
)
