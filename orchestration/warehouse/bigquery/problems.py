"""What goes wrong with BigQuery, each as one sentence with a remedy.

Errors come as exceptions of Google's client, or as text that dbt passes on; both are told alike.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings

_TOO_MANY_BYTES = re.compile(
    r"bytesBilledLimitExceeded|exceeded limit for bytes billed", re.IGNORECASE
)
_NOT_SIGNED_IN = re.compile(
    r"default credentials were not found|Reauthentication is needed|invalid_grant", re.IGNORECASE
)
_UNREACHABLE = re.compile(
    r"Connection refused|Failed to establish a new connection|Max retries exceeded|"
    r"Name or service not known|Temporary failure in name resolution|Connection aborted|"
    r"Read timed out|ConnectTimeout",
    re.IGNORECASE,
)
_FAILING = re.compile(
    r"^50\d |\b50\d (?:GET|POST|PUT|PATCH|DELETE) |internalError|backendError|"
    r"Timeout of [\d.]+s exceeded|Job timed out",
    re.IGNORECASE | re.MULTILINE,
)
_TEXT_LENGTH = 300


@contextmanager
def service_errors(settings: Settings) -> Iterator[None]:
    """Turn the errors of Google's client into sentences.

    Raises:
        AdxError: The statement or request failed; it says why.
    """
    try:
        yield
    except (api.GoogleAPICallError, api.RetryError, auth.GoogleAuthError) as error:
        raise explain(error, settings) from error
    except (requests.RequestException, TimeoutError) as error:
        raise _unreachable(settings) from error


def explain(error: Exception, settings: Settings) -> AdxError:
    """The sentence for an error of Google's client."""
    cause = error.cause if isinstance(error, api.RetryError) else error
    if isinstance(cause, auth.GoogleAuthError) and not isinstance(cause, auth.TransportError):
        return _not_signed_in(cause)
    if not isinstance(cause, api.GoogleAPICallError):
        return _unreachable(settings)
    text = str(cause.message).strip()
    return explain_text(f"{cause.code or ''} {text}", settings) or _refusal(cause, text, settings)


def _refusal(cause: api.GoogleAPICallError, text: str, settings: Settings) -> AdxError:
    if isinstance(cause, api.NotFound | api.Forbidden) and is_about_project(text, settings):
        return AdxError(
            f"There is no project {settings.bigquery_project}, or it is closed to you: "
            f"{_short(text)}",
            remedy="Correct ADX_BIGQUERY_PROJECT, or ask for the roles of docs/bigquery.md there.",
            exit_code=ExitCode.CONFIGURATION,
        )
    if isinstance(cause, api.Forbidden | api.Unauthorized):
        return AdxError(
            f"BigQuery refuses: {_short(text)}",
            remedy="docs/bigquery.md lists the roles that the platform needs.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return AdxError(
        f"BigQuery says: {_short(text)}",
        remedy="What is published is untouched; correct the statement or the setting it names.",
    )


def explain_text(text: str, settings: Settings) -> AdxError | None:
    """The sentence for what the service or dbt says, if it is one of those to expect."""
    if _TOO_MANY_BYTES.search(text):
        cap = settings.bigquery_maximum_bytes_billed
        return AdxError(
            f"A statement would read more than the cap of {cap:,} bytes: {_short(text)}",
            remedy="Let it read fewer dates; or, if it must read so much, raise "
            "ADX_BIGQUERY_MAXIMUM_BYTES_BILLED. What is published is untouched.",
        )
    if _NOT_SIGNED_IN.search(text):
        return _not_signed_in(text)
    if _UNREACHABLE.search(text):
        return _unreachable(settings)
    if _FAILING.search(text):
        return AdxError(
            f"BigQuery at {_address(settings)} fails: {_short(text)}",
            remedy="Nothing is half-published: run the command again when "
            "https://status.cloud.google.com shows no incident.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    return None


def is_about_project(text: str, settings: Settings) -> bool:
    """Whether what the service says is about the project of the settings."""
    project = re.escape(str(settings.bigquery_project))
    return bool(re.search(rf"\bproject:? {project}\b", text, re.IGNORECASE))


def _not_signed_in(reason: object) -> AdxError:
    return AdxError(
        f"Nobody is signed in to Google Cloud: {_short(str(reason))}",
        remedy="Run `gcloud auth application-default login`, or run where a service account or "
        "workload identity is attached (docs/bigquery.md).",
        exit_code=ExitCode.CONFIGURATION,
    )


def _unreachable(settings: Settings) -> AdxError:
    remedy = (
        "Start it with `adx bigquery-emulator start`, or correct ADX_BIGQUERY_ENDPOINT."
        if settings.bigquery_endpoint
        else "Check the network of this machine (proxy, firewall, name service)."
    )
    return AdxError(
        f"BigQuery at {_address(settings)} cannot be reached.",
        remedy=remedy,
        exit_code=ExitCode.UNAVAILABLE,
    )


def _address(settings: Settings) -> str:
    return settings.bigquery_endpoint or "bigquery.googleapis.com"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_LENGTH else f"{line[:_TEXT_LENGTH]}…"
