"""The FX API: `GET /v1/rates?from=<date>&to=<date>&page=<n>`, both dates inclusive.

An answer is `{"rates": [{"rate_date", "base", "quote", "rate"}, ...], "next_page": n or null}`.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from dlt.extract.exceptions import ResourceExtractionError
from dlt.sources.helpers.requests import Client
from dlt.sources.rest_api import rest_api_resources
from dlt.sources.rest_api.typing import RESTAPIConfig
from requests import HTTPError, RequestException, Response

from ingestion.errors import AdxError, ExitCode

MAX_ATTEMPTS: Final = 8
BACKOFF_SECONDS: Final = 0.25
"""First pause; each next one is twice as long, half a minute in all. Retry-After goes first."""
MAX_DELAY_SECONDS: Final = 30.0
_TIMEOUT_SECONDS: Final = 30.0
_LAST_DATE: Final = date(2099, 12, 31)
"""Nothing is published for the future, so the end stays open; it is the contract's last date."""


def read_rates(base_url: str, first: date) -> Iterator[Any]:
    """The published rates from a date on, page by page, as parsed JSON values.

    429 (after its Retry-After), 5xx and broken connections are tried again, with a cap; any other
    4xx is not, since asking again cannot help.

    Raises:
        AdxError: The API cannot be reached, refuses, or answers something else than pages.
    """
    client = Client(
        request_timeout=_TIMEOUT_SECONDS,
        request_max_attempts=MAX_ATTEMPTS,
        request_backoff_factor=BACKOFF_SECONDS,
        request_max_retry_delay=MAX_DELAY_SECONDS,
    )
    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url,
            "session": client.session,
            "paginator": {"type": "cursor", "cursor_path": "next_page", "cursor_param": "page"},
        },
        "resources": [
            {
                "name": "rates",
                "endpoint": {
                    "path": "v1/rates",
                    "params": {"from": first.isoformat(), "to": _LAST_DATE.isoformat()},
                    "data_selector": "rates",
                    "response_actions": [_check_page],
                },
            }
        ],
    }
    (resource,) = rest_api_resources(config)
    try:
        yield from resource
    except ResourceExtractionError as error:
        raise _explain(error, base_url) from error


def _check_page(response: Response) -> None:
    """Demand the shape of a page; dlt would take anything for one record, or page for ever."""
    if not response.ok:
        return  # tried again or refused, by its status
    try:
        page = response.json()
    except ValueError:
        page = None
    if not isinstance(page, dict) or not isinstance(page.get("rates"), list):
        raise _lies("answered something that is not a page of rates")
    asked = parse_qs(urlsplit(str(response.request.url)).query).get("page", ["1"])[0]
    next_page = page.get("next_page")
    if next_page is not None and (type(next_page) is not int or next_page <= int(asked)):
        raise _lies(f"says that page {next_page!r} follows page {asked}")


def _lies(what: str) -> AdxError:
    return AdxError(
        f"The FX API {what}; no rates were landed.",
        remedy="Check ADX_FX_URL, and ask whoever runs the API what has changed.",
        exit_code=ExitCode.DATA,
    )


def _explain(error: BaseException, base_url: str) -> AdxError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AdxError):
            return cause
        if isinstance(cause, HTTPError) and cause.response is not None:
            return AdxError(
                f"The FX API at {base_url} answered {cause.response.status_code} "
                f"{cause.response.reason}.",
                remedy="Try again later; if it stays, check ADX_FX_URL and the API's own state.",
                exit_code=ExitCode.UNAVAILABLE,
            )
        if isinstance(cause, RequestException):
            return AdxError(
                f"The FX API at {base_url} cannot be reached: {type(cause).__name__}.",
                remedy="Check that it is up and that ADX_FX_URL is correct.",
                exit_code=ExitCode.UNAVAILABLE,
            )
        cause = cause.__cause__ or cause.__context__
    return _lies(f"could not be read: {error}")
