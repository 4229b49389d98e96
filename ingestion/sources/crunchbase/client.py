"""Calls to the Crunchbase API: key, pace, retries, and what each refusal means.

The key travels in a header, never in an address: addresses end up in logs. Redirects are not
followed, since the key would go along to wherever they lead.
"""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import requests

from ingestion.errors import AdxError, ExitCode
from ingestion.landing.json_text import Number
from ingestion.sources.crunchbase.pace import Pace

MAX_ATTEMPTS: Final = 8
BACKOFF_SECONDS: Final = 0.25
"""First pause; each next one is twice as long. Retry-After goes first."""
MAX_DELAY_SECONDS: Final = 60.0
_TIMEOUT_SECONDS: Final = (10.0, 60.0)
_LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
_ERROR_CODE: Final = re.compile(r"[A-Z]{2}[0-9]{3}")

_REFUSALS: Final[dict[int, tuple[str, str, ExitCode]]] = {
    400: (
        "refused the request as malformed",
        "Compare the fields of ingestion/contracts/crunchbase with what the API offers now.",
        ExitCode.DATA,
    ),
    401: (
        "does not know the key",
        "Check ADX_CRUNCHBASE_KEY: it may be mistyped, expired or revoked.",
        ExitCode.CONFIGURATION,
    ),
    403: (
        "does not allow this with the key's licence",
        "Ask for a licence that includes it, or land single organisations (--mode specific).",
        ExitCode.CONFIGURATION,
    ),
    404: (
        "knows nothing under this address",
        "Check ADX_CRUNCHBASE_URL: it ends with the version, such as /api/v4.",
        ExitCode.CONFIGURATION,
    ),
    426: (
        "wants to be called over HTTPS",
        "Let ADX_CRUNCHBASE_URL begin with https://.",
        ExitCode.CONFIGURATION,
    ),
}


class UnknownEntityError(Exception):
    """The API has no entity of that permalink or uuid."""


class Client:
    """Makes calls, one at a time.

    Args:
        base_url: Address of the API, version included.
        key: The user key.
        pace: Keeps the calls below the limit.

    Raises:
        AdxError: The key would travel in clear text.
    """

    def __init__(self, base_url: str, key: str, pace: Pace) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise AdxError(
                f"ADX_CRUNCHBASE_URL names {parts.hostname or base_url!r} without HTTPS; the key "
                "would travel in clear text.",
                remedy="Let it begin with https://.",
                exit_code=ExitCode.CONFIGURATION,
            )
        self._base_url = base_url.rstrip("/")
        self._pace = pace
        self._session = requests.Session()
        self._session.headers.update({"X-cb-user-key": key, "Accept": "application/json"})

    def get(self, path: str, **parameters: str) -> Any:
        """The parsed answer to a GET; see `_call`."""
        return self._call("GET", path, parameters, None)

    def post(self, path: str, document: dict[str, Any]) -> Any:
        """The parsed answer to a POST of a JSON document; see `_call`."""
        return self._call("POST", path, {}, document)

    def _call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        parameters: dict[str, str],
        document: dict[str, Any] | None,
    ) -> Any:
        """Numbers that are no whole ones come as `Number`, exactly as they were written.

        429 (after its Retry-After), 5xx and broken connections are tried again, with a cap; any
        other refusal is not, since asking again cannot help.

        Raises:
            UnknownEntityError: A single entity was asked for, and there is none.
            AdxError: The API cannot be reached, refuses, or answers no JSON.
        """
        trouble = ""
        for attempt in range(MAX_ATTEMPTS):
            self._pace.wait()
            try:
                answer = self._session.request(
                    method,
                    f"{self._base_url}/{path}",
                    params=parameters,
                    json=document,
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                trouble = f"cannot be reached: {type(error).__name__}"
                pause = None
            else:
                if answer.status_code == HTTPStatus.OK:
                    return parse(answer.content, path)
                if answer.status_code != HTTPStatus.TOO_MANY_REQUESTS and answer.status_code < 500:
                    raise self._refused(answer, path)
                trouble = f"answered {answer.status_code} {answer.reason} to {path}"
                pause = retry_after(answer.headers.get("Retry-After"))
            if attempt + 1 < MAX_ATTEMPTS:
                backoff = BACKOFF_SECONDS * 2**attempt
                self._pace.sleep(min(backoff if pause is None else pause, MAX_DELAY_SECONDS))
        raise AdxError(
            f"The Crunchbase API {trouble}, {MAX_ATTEMPTS} times in a row.",
            remedy="Try again later; if it stays, check ADX_CRUNCHBASE_URL, "
            "ADX_CRUNCHBASE_CALLS_PER_MINUTE and the API's own state.",
            exit_code=ExitCode.UNAVAILABLE,
        )

    @staticmethod
    def _refused(answer: requests.Response, path: str) -> AdxError | UnknownEntityError:
        status = answer.status_code
        if status == HTTPStatus.NOT_FOUND and path.startswith("entities/"):
            return UnknownEntityError(path)
        what, remedy, exit_code = _REFUSALS.get(
            status,
            (
                "refused the request",
                "Check ADX_CRUNCHBASE_URL, and ask whoever runs the API what it means.",
                ExitCode.UNAVAILABLE,
            ),
        )
        # Of the answer's text only its code is repeated: an API may send back what it was sent.
        code = _ERROR_CODE.search(answer.text[:2_000])
        said = f"{status} {code.group()}" if code else str(status)
        return AdxError(
            f"The Crunchbase API {what} ({said} to {path}); nothing was landed from it.",
            remedy=remedy,
            exit_code=exit_code,
        )


def parse(content: bytes, path: str) -> Any:
    """The JSON document of an answer, numbers as they were written.

    Raises:
        AdxError: It is none, or it has a key twice.
    """
    try:
        return json.loads(
            content.decode(),
            parse_float=Number,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:
        raise lies(f"answered something that is no JSON document to {path}") from error


def lies(what: str) -> AdxError:
    """An answer that cannot be right as a whole."""
    return AdxError(
        f"The Crunchbase API {what}; nothing was landed from it.",
        remedy="Run the landing again; if it stays, ask whoever runs the API what has changed.",
        exit_code=ExitCode.DATA,
    )


def retry_after(header: str | None) -> float | None:
    """Seconds to wait, from a header that gives seconds or a date; None if it gives neither."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found
