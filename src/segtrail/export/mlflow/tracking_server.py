"""The user's tracking server of MLflow: which ones are taken, and how it is spoken to."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from segtrail.errors import InputError
from segtrail.export.extras import import_extra

URI_VARIABLE = "MLFLOW_TRACKING_URI"
_SERVERS = ("http", "https")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
# MLflow's own defaults try for minutes before they say that nobody answers.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}


class TrackingServer:
    """An open way to a tracking server.

    Args:
        uri: Where it is: ``http`` or ``https``, or a database that MLflow works with.
        artifact_root: Where the files of a new experiment come to; only for databases, since a server knows itself.

    Raises:
        InputError: MLflow is not installed, or it is no server that can be written to.
    """

    def __init__(self, uri: str, artifact_root: str | None = None) -> None:
        require_server(uri)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # The addresses that it prints begin with pictures, which not every terminal can write.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        tracking = import_extra("mlflow.tracking", "mlflow")
        for name in ("mlflow", "alembic"):  # they tell of each table that they make
            logging.getLogger(name).setLevel(logging.WARNING)
        self.uri, self._artifact_root = uri, artifact_root
        with self.errors_said():
            self.client: Any = tracking.MlflowClient(tracking_uri=uri)

    @property
    def shown(self) -> str:
        """Its address without a password."""
        return without_password(self.uri)

    def experiment(self, name: str) -> str:
        """Return the ID of an experiment; it is made where there is none.

        Raises:
            InputError: It was deleted there, or a new one needs a place for files.
        """
        found = self.client.get_experiment_by_name(name)
        if found is None:
            return str(self.client.create_experiment(name, artifact_location=self._artifacts()))
        if found.lifecycle_stage != "active":
            raise InputError(
                f"The experiment {name!r} was deleted on {self.shown}, which keeps its name. Restore it there "
                f"(mlflow experiments restore -x {found.experiment_id}), or remove it for good."
            )
        return str(found.experiment_id)

    @contextmanager
    def errors_said(self) -> Iterator[None]:
        """Turn what MLflow, the network and the database raise into a sentence."""
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            if not _is_of_server(error):
                raise
            raise InputError(
                f"The tracking server {self.shown} can't be worked with: {_first_line(error, self.uri)} What had come "
                "to it stays; give the command again when it answers."
            ) from None

    def _artifacts(self) -> str | None:
        if urlsplit(self.uri).scheme in _SERVERS:
            return None
        if self._artifact_root is not None:
            return self._artifact_root
        if self.uri.startswith("sqlite:"):
            return (_file_of_sqlite(self.uri).parent / "mlartifacts").absolute().as_uri()
        raise InputError(
            f"{self.shown} is a database, which keeps no files. Say with --artifact-root URI where those of a new "
            "experiment are to lie, or name the server in front of it."
        )


def require_server(uri: str) -> None:
    """Refuse what is no tracking server: files and folders above all.

    Raises:
        InputError: It is none.
    """
    scheme = urlsplit(uri).scheme.partition("+")[0].lower()
    if scheme in _SERVERS and not urlsplit(uri).hostname:
        raise InputError(f"The tracking server {uri!r} names no host. Write it as http://HOST:5000.")
    if scheme == "sqlite" and not _file_of_sqlite(uri).name:
        raise InputError(f"{uri!r} names no file. Write it as sqlite:///mlflow.db.")
    if scheme in _SERVERS + _DATABASES:
        return
    raise InputError(
        f"{without_password(uri)!r} is no tracking server. MLflow has given up stores of plain files such as ./mlruns: "
        f"name a server (http://HOST:5000) or a database (sqlite:///mlflow.db, postgresql://...) with --tracking-uri "
        f"or in {URI_VARIABLE}."
    )


def given_uri(uri: str | None) -> str:
    """Return the address that was given, by option or in MLflow's own variable.

    Raises:
        InputError: Neither is there.
    """
    found = (uri if uri is not None else os.environ.get(URI_VARIABLE, "")).strip()
    if not found:
        raise InputError(
            f"Which tracking server? Name it with --tracking-uri (http://HOST:5000, sqlite:///mlflow.db) or in "
            f"{URI_VARIABLE}."
        )
    return found


def without_password(uri: str) -> str:
    """Return an address without what stands before its host."""
    return re.sub(r"//[^/@]*@", "//...@", uri)


def _file_of_sqlite(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path).removeprefix("/"))


def _is_of_server(error: Exception) -> bool:
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return bool(modules & {"mlflow", "requests", "urllib3", "sqlalchemy", "alembic"}) or isinstance(
        error, OSError
    )


def _first_line(error: Exception, uri: str) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0].replace(uri, without_password(uri))
    return f"{text[:300].rstrip('.')}."
