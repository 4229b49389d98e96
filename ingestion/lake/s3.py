"""Files of a lake in a bucket that speaks S3.

Object stores have no rename and need none: an object is there when its PUT was answered, whole. A
PUT with `If-None-Match: *` writes only what is not there yet.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import boto3
import pyarrow as pa
import pyarrow.fs
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.s3_environment import (
    missing_bucket,
    no_credentials,
    refused,
    s3_endpoint,
    s3_region,
    service,
    unreachable,
)
from ingestion.lake.storage import S3_SCHEME, Found, Item, StoredFile, side_by_side

_MISSING: Final = {"NoSuchKey", "404"}
_DENIED: Final = {
    "403",
    "401",
    "AccessDenied",
    "ExpiredToken",
    "Forbidden",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
_TAKEN: Final = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_AT_ONCE: Final = 16


@dataclass(frozen=True)
class S3Access:
    """How to reach S3.

    Attributes:
        endpoint: URL of the service; None for Amazon's own.
        region: Its region.
        key_id: Access key.
        secret: Secret key; never shown.
        token: Session token of temporary credentials.
    """

    endpoint: str | None
    region: str
    key_id: str
    secret: str
    token: str | None

    def __repr__(self) -> str:
        return f"S3Access(endpoint={self.endpoint!r}, region={self.region!r})"


def s3_access() -> S3Access:
    """Endpoint and credentials, for a program that cannot find them by itself, such as DuckDB.

    Raises:
        AdxError: There are no credentials.
    """
    with s3_told("s3"):
        found = boto3.Session().get_credentials()
        if found is None:
            raise no_credentials()
        frozen = found.get_frozen_credentials()
    return S3Access(
        endpoint=s3_endpoint(),
        region=s3_region(),
        key_id=str(frozen.access_key),
        secret=str(frozen.secret_key),
        token=frozen.token,
    )


def s3_storage() -> "S3Storage":
    """The storage of this process; a forked child, or one with another key, gets its own."""
    key = (os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY"))
    return _storage(os.getpid(), s3_endpoint(), s3_region(), key)


@cache
def _storage(
    _pid: int, endpoint: str | None, region: str, _key: tuple[str | None, str | None]
) -> "S3Storage":
    return S3Storage(endpoint, region)


class S3Storage:
    """Files in buckets of one S3 service."""

    def __init__(self, endpoint: str | None, region: str) -> None:
        self._endpoint = endpoint
        self._region = region
        self._client: Any = s3_client(endpoint, region)
        self._files: pyarrow.fs.S3FileSystem | None = None

    def read(self, location: str) -> bytes:
        """See `Storage.read`."""
        bucket, key = parts_of(location)
        with s3_told(location):
            return bytes(self._client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def open(self, location: str) -> pa.NativeFile:
        """See `Storage.open`."""
        if self._files is None:
            self._files = pyarrow.fs.S3FileSystem(
                endpoint_override=self._endpoint,
                region=self._region,
                connect_timeout=5,
                request_timeout=30,
            )
        return self._files.open_input_file(location.removeprefix(S3_SCHEME))

    def write(
        self,
        location: str,
        content: bytes | memoryview,
        *,
        before_visible: Callable[[], None] | None = None,
    ) -> None:
        """See `Storage.write`."""
        if before_visible is not None:
            before_visible()
        bucket, key = parts_of(location)
        with s3_told(location):
            self._client.put_object(Bucket=bucket, Key=key, Body=bytes(content))

    def write_if_absent(self, location: str, content: bytes) -> bool:
        """See `Storage.write_if_absent`."""
        bucket, key = parts_of(location)
        try:
            with s3_told(location):
                self._client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
        except FileExistsError:
            return False
        return True

    def exists(self, location: str) -> bool:
        """See `Storage.exists`."""
        bucket, key = parts_of(location)
        try:
            with s3_told(location):
                self._client.head_object(Bucket=bucket, Key=key)
        except FileNotFoundError:
            return False
        return True

    def names(self, folder: str) -> list[str]:
        """See `Storage.names`."""
        bucket, key = parts_of(folder)
        prefix = f"{key.rstrip('/')}/"
        found = set()
        with s3_told(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix, Delimiter="/"
            )
            for page in pages:
                found |= {item["Key"] for item in page.get("Contents", ())}
                found |= {item["Prefix"] for item in page.get("CommonPrefixes", ())}
        return sorted({name.removeprefix(prefix).rstrip("/") for name in found} - {""})

    def files(self, folder: str) -> Iterator[StoredFile]:
        """See `Storage.files`."""
        bucket, key = parts_of(folder)
        with s3_told(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=f"{key.rstrip('/')}/"
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    location = f"{S3_SCHEME}{bucket}/{item['Key']}"
                    yield StoredFile(location, int(item["Size"]), item["LastModified"])

    def delete(self, location: str) -> None:
        """See `Storage.delete`."""
        bucket, key = parts_of(location)
        with s3_told(location):
            self._client.delete_object(Bucket=bucket, Key=key)

    def each(self, work: Callable[[Item], Found], items: Iterable[Item]) -> Iterator[Found]:
        """See `Storage.each`."""
        return side_by_side(work, items, most=_AT_ONCE)


def s3_client(endpoint: str | None, region: str) -> Any:
    """A boto3 client that gives up after some seconds instead of minutes."""
    # a session of its own: the default one remembers the first key of the process
    return boto3.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        config=Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=_AT_ONCE,
            # a service on loopback has no name for each bucket
            s3={"addressing_style": "path"} if endpoint is not None else {},
        ),
    )


def parts_of(location: str) -> tuple[str, str]:
    """Bucket and key of a location."""
    bucket, _, key = location.removeprefix(S3_SCHEME).partition("/")
    return bucket, key


@contextmanager
def s3_told(location: str) -> Iterator[None]:
    """Turn what S3 and the way to it answer into errors of files, or one sentence with a remedy.

    Raises:
        FileNotFoundError: There is no such object.
        FileExistsError: There is one already.
        AdxError: The service cannot be reached or refuses.
    """
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), location) from error
        if code in _TAKEN:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), location) from error
        if code == "NoSuchBucket":
            raise missing_bucket(parts_of(location)[0]) from error
        if code in _DENIED:
            raise refused(location, code) from error
        raise AdxError(
            f"S3 at {service()} could not serve {location}: {code or error}.",
            remedy="Run it again; nothing that was committed is lost.",
            exit_code=ExitCode.UNAVAILABLE,
        ) from error
    except NoCredentialsError as error:
        raise no_credentials() from error
    except BotoCoreError as error:
        raise unreachable() from error
