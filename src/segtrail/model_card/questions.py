"""What only a person can write in a model card: the questions, and how open ones and answers are marked in the text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """Something that no program knows.

    Attributes:
        id: Its name in the card and in the file of answers.
        text: The question.
    """

    id: str
    text: str


QUESTIONS = (
    Question(
        "intended-use", "What is the network for, who is to use it, and on which images of which patients?"
    ),
    Question("out-of-scope", "What must it not be used for, although somebody might think of it?"),
    Question(
        "population",
        "Who are the patients: centres, years, age, sex, disease, scanners? How were they chosen, and who is missing?",
    ),
    Question(
        "reference-standard",
        "Who drew the reference labels, how, with which training, and how far do two people agree?",
    ),
    Question("ethics", "On which approval, consent or other ground were the images used?"),
    Question(
        "consequences", "What happens when the network is wrong, who notices it, and what do they do then?"
    ),
    Question(
        "licence",
        "Under which licence may the network be used? An identifier such as apache-2.0, or in words.",
    ),
    Question("contact", "Who answers for this card and the network, and how are they reached?"),
)
# No answer may hold this: it begins what marks a place in the card.
MARK = "<!--"
_OPEN = re.compile(r"^<!-- to be written by a person: ([a-z-]+) -->$", re.MULTILINE)
_ANSWERED = re.compile(
    r"^<!-- written by a person: ([a-z-]+) -->\n\n(.*?)\n\n<!-- end of what a person wrote: \1 -->$",
    re.MULTILINE | re.DOTALL,
)


def place(question_id: str, answers: Mapping[str, str]) -> str:
    """Return what stands in the card at the place of a question: the answer between its marks, or the question.

    Args:
        question_id: The question.
        answers: What is answered, by question.

    Returns:
        Markdown.
    """
    answer = answers.get(question_id)
    if answer is None:
        question = next(question for question in QUESTIONS if question.id == question_id)
        return f"<!-- to be written by a person: {question_id} -->\n\n*To be written by a person: {question.text}*"
    begin, end = f"written by a person: {question_id}", f"end of what a person wrote: {question_id}"
    return f"<!-- {begin} -->\n\n{answer}\n\n<!-- {end} -->"


def open_questions(card: str) -> list[str]:
    """Return the questions of a card that nobody has answered, by their IDs."""
    return _OPEN.findall(card)


def given_answers(card: str) -> dict[str, str]:
    """Return what a person wrote into a card, by question."""
    return dict(_ANSWERED.findall(card))
