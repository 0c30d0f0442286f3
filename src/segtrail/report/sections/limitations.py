"""What the network is for, and what limits it, as the model card has it."""

from segtrail.report.card_text import CardText
from segtrail.report.parts import Bullets, Heading, Paragraph, Part
from segtrail.report.wording import format_count


def limitations_section(card: CardText | None) -> list[Part]:
    """Build the section about use and limitations.

    Args:
        card: What the model card says; None without one.

    Returns:
        The intended use, the limitations, and what nobody has written yet.
    """
    heading = Heading("Intended use and limitations")
    if card is None:
        text = "The run has no model card, from which this part is taken; “segtrail card” makes one of a finished run."
        return [heading, Paragraph(text, style="missing")]
    parts: list[Part] = [heading]
    if card.intended_use:
        parts.append(Paragraph(card.intended_use))
    if card.limitations:
        parts.append(Bullets(card.limitations))
    if card.open_questions:
        parts.append(Paragraph(_describe_open(card), style="small"))
    return parts


def _describe_open(card: CardText) -> str:
    n_open = len(card.open_questions)
    return (
        f"{format_count(n_open, 'answer')} that only a person can give {'was' if n_open == 1 else 'were'} missing when "
        f"this report was made: {', '.join(card.open_questions)}. “segtrail card --template” asks for them."
    )
