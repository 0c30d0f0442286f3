"""``methods.md`` and ``methods.bib``, made from the other files of a run folder alone."""

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from segtrail.atomic import write_text
from segtrail.errors import InputError
from segtrail.methods_text.augmentation_section import augmentation
from segtrail.methods_text.data_section import data_section
from segtrail.methods_text.described_run import describe, for_each
from segtrail.methods_text.escaping import plain
from segtrail.methods_text.evaluation_section import evaluation, results
from segtrail.methods_text.inference_section import coarse_to_fine, inference
from segtrail.methods_text.network_section import loss, network, preprocessing
from segtrail.methods_text.record_section import reproducibility, software_and_hardware
from segtrail.methods_text.references import bibliography
from segtrail.methods_text.training_section import training
from segtrail.model_card.card import this_program
from segtrail.model_card.front_matter import Maker
from segtrail.model_card.questions import QUESTIONS
from segtrail.report.run_contents import RunContents, read_run

TEXT_FILE, BIBLIOGRAPHY_FILE = "methods.md", "methods.bib"
_MADE_BY = re.compile(r"<!-- made by segtrail (\S+), sources ([0-9a-f]{64}) -->\n")
# What a methods section has to say, and no program knows.
_OPEN = ("population", "reference-standard", "ethics", "intended-use")


@dataclass(frozen=True)
class MethodsText:
    """The methods section of a run.

    Attributes:
        markdown: The text, with citations in the form of Pandoc and the bibliography in a fenced block.
        bibtex: The bibliography.
    """

    markdown: str
    bibtex: str


def write_methods(run_dir: Path) -> None:
    """Write the methods section into a run that is about to be sealed.

    Args:
        run_dir: The run folder.

    Raises:
        InputError: A file of the run is damaged or missing.
    """
    text = methods_of_record(run_dir)
    write_text(run_dir / TEXT_FILE, text.markdown)
    write_text(run_dir / BIBLIOGRAPHY_FILE, text.bibtex)


def methods_of_run(run_dir: Path) -> MethodsText:
    """Write the methods section of a run, with its fingerprint where it has one.

    Raises:
        InputError: A file of the run is damaged or missing.
    """
    return build_methods(read_run(run_dir), this_program())


def methods_of_record(run_dir: Path) -> MethodsText:
    """Write the methods section as it stands in a run, which can't name the fingerprint that covers it.

    Raises:
        InputError: A file of the run is damaged or missing.
    """
    return build_methods(replace(read_run(run_dir), fingerprint=None), this_program())


def build_methods(contents: RunContents, maker: Maker) -> MethodsText:
    """Write the methods section of a run: the same run and program give the same text.

    Args:
        contents: The run; its fingerprint is named where it has one.
        maker: The program that writes it.

    Returns:
        Text and bibliography.

    Raises:
        InputError: The run has no configuration that this segtrail understands.
    """
    run = describe(contents)
    stages = run.stages
    sections = {
        "Data": data_section(run),
        "Networks from coarse to fine": coarse_to_fine(run),
        "Preprocessing": for_each(stages, preprocessing),
        "Network": for_each(stages, network),
        "Loss": for_each(stages, loss),
        "Augmentation": for_each(stages, augmentation),
        "Training": for_each(stages, partial(training, run)),
        "Inference": for_each(stages, partial(inference, run)),
        "Evaluation": evaluation(run),
        "Results": results(run),
        "Software and hardware": software_and_hardware(run),
        "Reproducibility": reproducibility(run),
    }
    told = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items() if text)
    bibtex = bibliography(told)
    markdown = f"{_head(contents, maker)}\n\n{told}\n\n## References\n\n```bibtex\n{bibtex}```\n"
    return MethodsText(markdown, bibtex)


def maker_of(markdown: str) -> Maker:
    """Return the program that wrote a methods section.

    Raises:
        InputError: It does not say.
    """
    found = _MADE_BY.match(markdown)
    if found is None:
        raise InputError("methods.md does not say which segtrail made it")
    return Maker(found[1], found[2])


def _head(contents: RunContents, maker: Maker) -> str:
    questions = "\n".join(f"- {question.text}" for question in QUESTIONS if question.id in _OPEN)
    return (
        f"<!-- made by segtrail {maker.version}, sources {maker.program_sha256} -->\n"
        f"# Methods: {plain(contents.run.project or 'segtrail')}, {plain(contents.run.run_id)}\n\n"
        "Every number below is from the record of this run; what the record lacks is left out. Authors have to add "
        f"what only a person knows:\n\n{questions}"
    )
