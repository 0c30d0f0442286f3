"""The validator for crates, without the internet: it asks for one document, which the library for crates carries."""

import io
from collections import Counter
from pathlib import Path

import rocrate
import urllib3
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.services import validate
from rocrate_validator.utils.document_loader import uninstall_document_loader

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "process-run-crate"
# A later version of the context, which has all terms of the one that is asked for; a test looks that no other is used.
CONTEXT_FILE = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"


class _FromFile(HTTPAdapter):
    """Answers with the file, whatever is asked for."""

    def send(self, request: PreparedRequest, *_: object, **__: object) -> Response:
        body, headers = io.BytesIO(CONTEXT_FILE.read_bytes()), {"Content-Type": "application/ld+json"}
        return self.build_response(request, urllib3.HTTPResponse(body, headers, 200, preload_content=False))


def fill_cache(folder: Path) -> Path:
    """Make the validator's cache of documents, with the one that it needs."""
    path = folder / "documents"
    with CachedSession(cache_name=str(path), backend="sqlite", expire_after=-1) as session:
        session.mount("https://", _FromFile())
        session.get(CONTEXT)
    return path


def find_issues(crate: Path, cache: Path, least: str) -> Counter[str]:
    """Validate a crate.

    Args:
        crate: Its folder.
        cache: The validator's cache.
        least: The least severity that is checked: REQUIRED or RECOMMENDED.

    Returns:
        How often each check failed, by its severity and what it says.
    """
    settings = ValidationSettings(
        rocrate_uri=str(crate),
        profile_identifier=PROFILE,
        requirement_severity=Severity[least],
        offline=True,
        cache_path=cache,
        cache_max_age=-1,
    )
    try:
        found = validate(settings)
    finally:
        uninstall_document_loader()
    assert found.executed_checks
    return Counter(f"{issue.severity.name}: {issue.message}" for issue in found.get_issues(Severity[least]))
