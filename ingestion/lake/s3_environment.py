"""What the environment says of S3, and the sentences for what can be wrong with it.

Endpoint, region and credentials are those of every AWS tool: the variables `AWS_ENDPOINT_URL`,
`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, or what boto3 finds
otherwise (the role of a machine or a pod). AdvertiseX has no setting of its own for them, so they
cannot stand in one of its files or logs, and Spark's executors, dbt and DuckDB all see the same.
"""

import os
from typing import Final
from urllib.parse import urlsplit

from ingestion.errors import AdxError, ExitCode

DEFAULT_REGION: Final = "us-east-1"


def s3_endpoint() -> str | None:
    """URL of the S3 service that the environment names; None for Amazon's own."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def s3_region() -> str:
    """The region that the environment names."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION


def missing_bucket(bucket: str) -> AdxError:
    """The error for a bucket that does not exist."""
    return AdxError(
        f"There is no bucket {bucket} at {service()}.",
        remedy="Create it (`adx s3 start` does so on loopback), or correct ADX_LAKE_URL or "
        "ADX_DROP_URL.",
        exit_code=ExitCode.CONFIGURATION,
    )


def refused(location: str, reason: str) -> AdxError:
    """The error for credentials that are wrong or may not do this."""
    return AdxError(
        f"S3 at {service()} refuses access to {location}: {reason}.",
        remedy="Correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what they may do there.",
        exit_code=ExitCode.CONFIGURATION,
    )


def unreachable() -> AdxError:
    """The error for a service that does not answer."""
    return AdxError(
        f"S3 at {service()} cannot be reached.",
        remedy="Start it (`adx s3 start` on loopback), or correct AWS_ENDPOINT_URL.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def no_credentials() -> AdxError:
    """The error for an environment without credentials."""
    return AdxError(
        f"There are no credentials for S3 at {service()}.",
        remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.",
        exit_code=ExitCode.CONFIGURATION,
    )


def service() -> str:
    """The S3 service, as messages name it."""
    endpoint = s3_endpoint()
    return f"Amazon ({s3_region()})" if endpoint is None else urlsplit(endpoint).netloc
