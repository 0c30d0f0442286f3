"""The journal of views: who looked at which case, in which run, and when; it lies beside the runs, never in one."""

from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from segtrail.errors import InputError
from segtrail.record.journal import DATA_ACCESS, Journal
from segtrail.web.case_files import CaseFiles

VIEWED = "case viewed"
_SECONDS = 10.0


class CaseViews:
    """Writes a line for each view of a case to ``OUTPUT_ROOT/data_access.jsonl``, chained as every journal.

    Several programs may write; each holds the file for a line.

    Args:
        output_root: The folder that holds ``runs``.
        actor: Who looks; None where nobody is named.
    """

    def __init__(self, output_root: Path, actor: str | None) -> None:
        self._path = output_root / DATA_ACCESS
        self._actor = actor
        self._viewed: set[tuple[str, str]] = set()

    def note(self, run_id: str, files: CaseFiles) -> None:
        """Note that a case is looked at.

        Raises:
            InputError: The journal can't be written; then the case must not be shown.
        """
        facts = {"run_id": run_id, "case": files.case, "files": self._files(files)}
        try:
            with FileLock(self._path.with_name(f".{DATA_ACCESS}.lock"), timeout=_SECONDS):
                Journal(self._path, self._actor).write(VIEWED, **facts)
        except Timeout:
            raise InputError(
                f"Another program holds {DATA_ACCESS}, where the view of a case is noted."
            ) from None
        except (OSError, NotImplementedError) as error:  # the latter where the file system has no locks
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"{DATA_ACCESS}, where the view of a case is noted, can't be written: {reason}."
            ) from None
        self._viewed.add((run_id, files.case))

    def note_once(self, run_id: str, files: CaseFiles) -> None:
        """Note a view where the page of the case was not opened before, as when a volume is asked for by itself."""
        if (run_id, files.case) not in self._viewed:
            self.note(run_id, files)

    @staticmethod
    def _files(files: CaseFiles) -> Sequence[str]:
        return [volume.recorded for volume in files.volumes]
