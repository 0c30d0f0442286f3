"""What stays in the hospital of a shared copy: the salt and the names, in the addenda of the run."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from segtrail.record.addenda import Addenda
from segtrail.record.run_folder import read_json
from segtrail.record.statement import Statement, list_statements, read_statement
from segtrail.sharing.share_file import Included
from segtrail.version import __version__

SHARED = "shared"
_KIND = "share"


class ShareSecret(Statement):
    """The content of ``addenda/share_YYYYMMDD_HHMMSS.json``; see ``docs/share.md``."""

    run_id: str
    created_utc: str
    recipient: str | None
    salt: str
    copy_fingerprint: str
    root: str
    fingerprint_commitment: str
    included: Included
    segtrail_version: str = __version__
    program_sha256: str
    cases: Mapping[str, str]
    groups: Mapping[str, str]

    @property
    def salt_bytes(self) -> bytes:
        """The salt."""
        return bytes.fromhex(self.salt)


def list_secrets(run_dir: Path) -> list[ShareSecret]:
    """Read what is kept of the copies of a run, the earliest first.

    Raises:
        InputError: A file can't be read.
    """
    return [read_statement(path, ShareSecret) for path in list_statements(run_dir, _KIND)]


def keep_secret(run_dir: Path, secret: ShareSecret) -> Path:
    """Add what belongs to a copy to the addenda of the run.

    Args:
        run_dir: The run; it is sealed.
        secret: Salt and names.

    Returns:
        Its file.

    Raises:
        InputError: It can't be written.
    """
    text = json.dumps(secret.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    name = f"{_KIND}_{datetime.now(UTC):%Y%m%d_%H%M%S}.json"
    operator = read_json(run_dir / "run.json").get("operator")
    return Addenda(run_dir, operator).add_file(name, text.encode("utf-8"), SHARED)
