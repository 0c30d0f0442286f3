"""The salt of a shared copy, and what is hashed with it: without the salt no guess can be tested."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

_SALT_BYTES = 32
_LENGTH_BYTES = 8


def new_salt() -> bytes:
    """Draw a salt."""
    return secrets.token_bytes(_SALT_BYTES)


def frame(fields: Iterable[str]) -> bytes:
    """Join texts so that no two lists of texts give the same bytes: each behind its length.

    Args:
        fields: The texts.

    Returns:
        For each its length in bytes, 8 bytes with the highest first, and the text in UTF-8.
    """
    encoded = [field.encode("utf-8") for field in fields]
    return b"".join(len(field).to_bytes(_LENGTH_BYTES, "big") + field for field in encoded)


def keyed_hash(salt: bytes, purpose: str, *fields: str) -> str:
    """Hash texts with a salt.

    Args:
        salt: The key.
        purpose: What the hash is for, so that one made for something else is another one.
        fields: What is hashed.

    Returns:
        HMAC-SHA256 in hex.
    """
    return hmac.new(salt, frame([purpose, *fields]), hashlib.sha256).hexdigest()
