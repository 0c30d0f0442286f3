"""Numbers as a sentence of the methods section has them."""

from collections.abc import Sequence


def plain_number(value: float) -> str:
    """Write a setting as it was given, without superfluous digits."""
    return f"{value:g}".replace("-", "−") if "e" not in f"{value:g}" else _as_power(value)


def product(values: Sequence[float]) -> str:
    """Write the sides of something, for example "2.5 × 2.5 × 2.5"."""
    return " × ".join(plain_number(value) for value in values)


def between(values: Sequence[float]) -> str:
    """Write the two ends of a range."""
    return f"{plain_number(values[0])} to {plain_number(values[1])}"


def _as_power(value: float) -> str:
    digits, _, exponent = f"{value:g}".partition("e")
    power = f"10^{int(exponent)}".replace("-", "−")
    return power if digits == "1" else f"{digits} × {power}"
