"""Tells people that something is wrong: by the log, the run ledger, and apprise."""

import json
from datetime import UTC, datetime
from typing import Any

import structlog

from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse import ledger

_log = structlog.get_logger("alerts")


class NotTakenError(AdxError):
    """An alert stands in the run ledger, but not every service took it."""


def alert(settings: Settings, subject: str, message: str, **details: Any) -> None:
    """Send one alert, and keep it in the run ledger (kind `alert`) whatever becomes of it.

    Args:
        settings: Says where alerts go.
        subject: What is wrong, such as `run warehouse_job`.
        message: How it is wrong, in a sentence.
        details: Anything that helps to find it.

    Raises:
        NotTakenError: A service did not take the alert, or its address is none.
    """
    at = datetime.now(UTC)
    _log.error("alert", subject=subject, message=message, **details)
    try:
        sent = _send(settings, subject, message, details)
    finally:
        lake = Lake.open(settings)
        lake.ensure_tables()
        ledger.record(lake, "alert", subject, at, message=message, **details)
    if not sent:
        raise NotTakenError(
            f"Not every service of ADX_ALERT_URLS took the alert about {subject}.",
            remedy="Try its address with `apprise -vv -b test <address>`.",
            exit_code=ExitCode.UNAVAILABLE,
        )


def _send(settings: Settings, subject: str, message: str, details: dict[str, Any]) -> bool:
    addresses = settings.alert_urls.get_secret_value().split()
    if not addresses:
        return True
    from apprise import Apprise, NotifyType

    services = Apprise()
    for number, address in enumerate(addresses, 1):
        if not services.add(address):
            raise NotTakenError(
                f"Address {number} of ADX_ALERT_URLS is none that apprise knows.",
                remedy="Write it as https://github.com/caronc/apprise/wiki says.",
                exit_code=ExitCode.CONFIGURATION,
            )
    text = f"{message}\n{json.dumps(details, default=str)}" if details else message
    return bool(
        services.notify(body=text, title=f"AdvertiseX: {subject}", notify_type=NotifyType.FAILURE)
    )
