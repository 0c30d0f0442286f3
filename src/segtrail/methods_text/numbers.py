"""Numbers as a sentence of the methods section has them."""

from collections.abc import Sequence


def plain_number(value: float) -> str:
    """Write a setting as it was given: every digit of it, and none that only computing brought in."""
    digits, mark, exponent = f"{value:.15g}".replace("-", "−").partition("e")
    if not mark:
        return digits
    power = f"10^{exponent.replace('+', '').replace('−0', '−')}"
    return power if digits == "1" else f"{digits} × {power}"


def product(values: Sequence[float]) -> str:
    """Write the sides of something, for example "2.5 × 2.5 × 2.5"."""
    return " × ".join(plain_number(value) for value in values)


def between(values: Sequence[float]) -> str:
    """Write the two ends of a range."""
    return f"{plain_number(values[0])} to {plain_number(values[1])}"
