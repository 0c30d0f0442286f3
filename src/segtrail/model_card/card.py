"""``model_card.md``, made from the other files of a run folder alone."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from segtrail.atomic import write_text
from segtrail.errors import InputError
from segtrail.model_card.failure_modes import failure_modes
from segtrail.model_card.front_matter import Maker, front_matter
from segtrail.model_card.limitations import limitations
from segtrail.model_card.markdown import as_markdown, bullets, plain
from segtrail.model_card.questions import QUESTIONS, place
from segtrail.record.program_hash import hash_program
from segtrail.report.parts import Facts, Heading, Paragraph
from segtrail.report.record_schema import UsesOfTestSet
from segtrail.report.run_contents import RunContents, read_run
from segtrail.report.sections.data_description import describe_data
from segtrail.report.sections.record import definitions_section, describe_circumstances
from segtrail.report.sections.result_text import result_paragraphs
from segtrail.report.sections.results import metrics_section
from segtrail.report.sections.summary import RESEARCH_USE, facts_at_a_glance
from segtrail.report.wording import as_sentence, format_count
from segtrail.version import __version__

FILE_NAME = "model_card.md"
_NO_ANSWERS: Mapping[str, str] = {}
_OUT_OF_SCOPE = (
    "Diagnosis, treatment, or any decision about a patient. Images unlike those of the training, in organ, modality, "
    "scanner, spacing or disease."
)
_SHARED = (
    "This is the card of a copy that was made for use elsewhere. Cases have pseudonyms; `share.json` says what "
    "was left out.\n\n"
)
_WITHOUT_WEIGHTS = "The network is not part of this copy: whoever made it can say whether it may be had."
_NO_FINGERPRINT = "The fingerprint of the run is the SHA-256 of `manifest.json`, which lists this file."
_HOW_IT_WAS_MADE = Heading("How the run was made")
_HOW_TO_CHECK = "`segtrail verify` prints it, checks every file, and makes this card again from the others."


def this_program() -> Maker:
    """Return the program that runs, as a card names it."""
    return Maker(__version__, hash_program())


def write_card(run_dir: Path) -> None:
    """Write the model card into a run that is about to be sealed.

    Args:
        run_dir: The run folder.

    Raises:
        InputError: A file of the run is damaged or missing.
    """
    write_text(run_dir / FILE_NAME, build_card(read_run(run_dir), this_program()))


def build_card(contents: RunContents, maker: Maker, answers: Mapping[str, str] = _NO_ANSWERS) -> str:
    """Write a model card: the same run, program and answers give the same text.

    Args:
        contents: The run.
        maker: The program that makes it.
        answers: What a person wrote, by question; such a card names the fingerprint, since it lies in the addenda.

    Returns:
        Markdown behind a front matter in YAML.

    Raises:
        InputError: Nothing was measured in the run.
    """
    if contents.metrics is None:
        raise InputError(
            f"{contents.run.run_id} has no metrics, so that there is nothing for a model card to say."
        )
    sections = [
        _title(contents, answers),
        _what_it_is(contents),
        _uses(contents, answers),
        _data(contents, answers),
        _results(contents),
        f"## Limitations\n\n{bullets(limitations(contents))}",
        f"## Failure modes\n\n{as_markdown(failure_modes(contents))}\n\n{place('consequences', answers)}",
        _how_to_use(contents),
        f"## Licence of the network\n\n{place('licence', answers)}",
        as_markdown([_HOW_IT_WAS_MADE, describe_circumstances(replace(contents, fingerprint=None))]),
        _provenance(contents, answers),
        f"## Who answers for it\n\n{place('contact', answers)}",
    ]
    return front_matter(contents, maker, answers) + "\n" + "\n\n".join(sections) + "\n"


def _title(contents: RunContents, answers: Mapping[str, str]) -> str:
    n_open = len(QUESTIONS) - len(answers)
    what = "of these is" if n_open == 1 else "of these are"
    still = f"{n_open} {what} still to be written" if n_open else "all of these are written"
    return (
        f"# Model card: {plain(contents.run.project or 'segtrail')}, {contents.run.run_id}\n\n"
        f"> {RESEARCH_USE}\n\n"
        f"{_SHARED if contents.share else ''}"
        f"What a program can know stands here as the record of the run has it. {len(QUESTIONS)} things only a person "
        f"can say; {still}."
    )


def _what_it_is(contents: RunContents) -> str:
    description = as_sentence(str(((contents.config or {}).get("project") or {}).get("description") or ""))
    purpose = [plain(description)] if description else []
    facts = as_markdown([Facts(facts_at_a_glance(contents))])
    return "\n\n".join(["## What it is", *purpose, facts])


def _uses(contents: RunContents, answers: Mapping[str, str]) -> str:
    classes = (
        ", ".join(name for value, name in contents.dataset.labels.items() if value != "0")
        if contents.dataset
        else ""
    )
    task = (
        f"The network marks {classes} in images like those that it was trained on, for research."
        if classes
        else ""
    )
    return "\n\n".join(
        [
            "## Intended use",
            *([plain(task)] if task else []),
            place("intended-use", answers),
            "## Out-of-scope use",
            _OUT_OF_SCOPE,
            place("out-of-scope", answers),
        ]
    )


def _data(contents: RunContents, answers: Mapping[str, str]) -> str:
    told = (
        as_markdown(describe_data(contents.dataset)) if contents.dataset else "The data set is not on record."
    )
    questions = [place(question, answers) for question in ("population", "reference-standard", "ethics")]
    return "\n\n".join(["## Data set", told, "### Where the data come from", *questions])


def _results(contents: RunContents) -> str:
    texts = [*result_paragraphs(contents), *_uses_of_test_set(contents.test_uses, contents)]
    parts = [
        *map(Paragraph, texts),
        *metrics_section(contents.metrics),
        *definitions_section(contents.metrics),
    ]
    return f"## Results\n\n{as_markdown(parts)}"


def _uses_of_test_set(uses: UsesOfTestSet | None, contents: RunContents) -> list[str]:
    """Say how often the test cases had been measured when the run was sealed."""
    if uses is None:
        if contents.metrics is None or not contents.metrics.splits.get("test"):
            return []
        return ["How often the test cases were measured is not on record."]
    runs = {use.run_id for use in uses.uses if use.kind == "run"}
    saved = sum(use.kind == "evaluation" for use in uses.uses)
    itself = ", this one included," if contents.run.run_id in runs else ""
    unread = (
        f" The journals of {format_count(len(uses.unread), 'more run')} don't say." if uses.unread else ""
    )
    n_read = format_count(uses.n_runs_read, "run")
    return [
        f"When this run was sealed, its {format_count(uses.n_cases, 'test case')} had been measured by "
        f"{format_count(len(runs), 'run')}{itself} and in {format_count(saved, 'saved evaluation')}: the journals of "
        f"{n_read} in its output folder say so.{unread} What lies elsewhere or was not saved is not counted."
    ]


def _how_to_use(contents: RunContents) -> str:
    if contents.share and not contents.share.included.weights:
        return f"## How to use it\n\n{_WITHOUT_WEIGHTS}"
    name = f"shared_{contents.run.run_id}" if contents.share else contents.run.run_id
    return (
        "## How to use it\n\n"
        f"```bash\nsegtrail predict {name} scan.nii.gz --output outputs/predictions\n```\n\n"
        "Look at every picture, and read every warning and every line of the guard. The weights lie in "
        "`checkpoints/best.pt`, which opens with `torch.load(path, weights_only=True)`."
    )


def _provenance(contents: RunContents, answers: Mapping[str, str]) -> str:
    where = f"The fingerprint of the run is `{contents.fingerprint}`." if answers else _NO_FINGERPRINT
    where = where.replace("of the run", "of this copy") if contents.share else where
    return f"## How to check it\n\n{where} {_HOW_TO_CHECK}"
