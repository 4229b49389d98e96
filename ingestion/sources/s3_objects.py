"""Objects that others write to a bucket: listed, copied with checksums, moved, removed.

An object is known by its location and its ETag. Every step names the ETag that was listed, so an
object that is written again meanwhile is another one, and is neither mixed up nor removed.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import FlexibleChecksumError

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint, write_all
from ingestion.lake.s3 import parts_of, s3_client, s3_told
from ingestion.lake.s3_environment import s3_endpoint, s3_region
from ingestion.lake.storage import S3_SCHEME

SENT_SHA256: Final = "sha256"
"""Metadata of an object (`x-amz-meta-sha256`) in which its sender may state its hash."""

_PIECE_BYTES: Final = 1024 * 1024
_TRIES: Final = 3
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_MD5_OF_PARTS: Final = re.compile(r"[0-9a-f]{32}-(\d+)")


@dataclass(frozen=True)
class RemoteObject:
    """An object as it was listed.

    Attributes:
        location: `s3://<bucket>/<key>`.
        etag: What tells this content from another one under the same key.
        bytes: Its size.
        modified_at: When it was written, by the clock of the service.
    """

    location: str
    etag: str
    bytes: int
    modified_at: datetime

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.location.rpartition("/")[2]


class GoneError(Exception):
    """The object is gone, or another one stands under its key."""


class DamagedCopyError(AdxError):
    """What arrived is not what the service, or the sender, says that the object is.

    Attributes:
        sha256: Hash of the copy where it is the object, though not what its sender meant; empty
            where what arrived is not the object.
    """

    def __init__(self, message: str, *, remedy: str, sha256: str = "") -> None:
        super().__init__(message, remedy=remedy, exit_code=ExitCode.DATA)
        self.sha256 = sha256


class S3Objects:
    """The objects of one S3 service."""

    def __init__(self, client: Any = None) -> None:
        self._client: Any = client or s3_client(s3_endpoint(), s3_region())

    def below(self, folder: str) -> Iterator[RemoteObject]:
        """Every object below a location, ascending.

        Raises:
            AdxError: The service cannot be reached or refuses.
        """
        bucket, prefix = parts_of(folder)
        with s3_told(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=f"{prefix.rstrip('/')}/"
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    yield RemoteObject(
                        f"{S3_SCHEME}{bucket}/{item['Key']}",
                        item["ETag"].strip('"'),
                        int(item["Size"]),
                        item["LastModified"],
                    )

    def copy(self, found: RemoteObject, target: Path) -> str:
        """Copy an object to a file, durably; the file appears whole and checked.

        Checked are the size, the MD5 that the ETag is (of each part, where it came in parts), the
        checksum that the service keeps, and the SHA-256 that the sender stated.

        Returns:
            The SHA-256 of the content.

        Raises:
            GoneError: It is gone, or was written anew.
            DamagedCopyError: It arrived damaged, each time.
            AdxError: The service cannot be reached or refuses.
        """
        temporary = target.with_name(f".{target.name}.part")
        problem = ""
        for _ in range(_TRIES):
            try:
                digest, stated, problem = self._fetch(found, temporary)
            except (FileNotFoundError, FileExistsError) as error:
                temporary.unlink(missing_ok=True)
                raise GoneError(found.location) from error
            if not problem:
                temporary.rename(target)
                break
        else:
            temporary.unlink(missing_ok=True)
            raise DamagedCopyError(
                f"{found.location} arrived damaged {_TRIES} times: {problem}.",
                remedy="Ask the source to send it again; if all objects do, check the way to S3.",
            )
        if stated and stated.lower() != digest:
            raise DamagedCopyError(
                f"{found.location} is not what its sender meant to send: its SHA-256 is {digest}, "
                f"stated is {stated}.",
                remedy="Ask the source to send it again.",
                sha256=digest,
            )
        failpoint("bucket.after_object")
        return digest

    def _fetch(self, found: RemoteObject, path: Path) -> tuple[str, str, str]:
        """Write an object to a file: its SHA-256, the one its sender stated, what is wrong."""
        bucket, key = parts_of(found.location)
        parts = _MD5_OF_PARTS.fullmatch(found.etag)
        count = int(parts.group(1)) if parts else 0
        sha256, size, md5s, stated = hashlib.sha256(), 0, list[bytes](), ""
        with path.open("wb") as file, s3_told(found.location):
            while not md5s or len(md5s) < count:
                answer = self._client.get_object(
                    Bucket=bucket,
                    Key=key,
                    IfMatch=f'"{found.etag}"',
                    ChecksumMode="ENABLED",
                    **({"PartNumber": len(md5s) + 1} if count else {}),
                )
                if answer["ContentLength"] == found.bytes:
                    count = 1  # a service that knows no parts sends all of it
                stated = answer["Metadata"].get(SENT_SHA256, "")
                md5 = hashlib.md5(usedforsecurity=False)
                try:
                    for piece in answer["Body"].iter_chunks(_PIECE_BYTES):
                        write_all("bucket.write", piece, file.write)
                        sha256.update(piece)
                        md5.update(piece)
                        size += len(piece)
                except FlexibleChecksumError as error:
                    return "", "", str(error)
                is_encrypted = "aws:kms" in answer.get("ServerSideEncryption", "")
                md5s.append(b"" if is_encrypted else md5.digest())
            file.flush()
            os.fsync(file.fileno())
        problem = ""
        if size != found.bytes:
            problem = f"{size:,} of {found.bytes:,} bytes came"
        elif not _fits(found.etag, md5s):
            problem = "its MD5 is not its ETag"
        return sha256.hexdigest(), stated, problem

    def move(self, found: RemoteObject, target: str) -> None:
        """Move an object within the service.

        Raises:
            GoneError: It is gone, or was written anew.
            AdxError: The service cannot be reached or refuses.
        """
        bucket, key = parts_of(found.location)
        to_bucket, to_key = parts_of(target)
        try:
            with s3_told(found.location):
                self._client.copy_object(
                    Bucket=to_bucket,
                    Key=to_key,
                    CopySource={"Bucket": bucket, "Key": key},
                    CopySourceIfMatch=f'"{found.etag}"',
                )
        except (FileNotFoundError, FileExistsError) as error:
            raise GoneError(found.location) from error
        failpoint("bucket.after_aside")
        self.remove(found.location, found.etag)

    def remove(self, location: str, etag: str) -> None:
        """Remove an object, if it still is the one of that ETag.

        Raises:
            AdxError: The service cannot be reached or refuses.
        """
        bucket, key = parts_of(location)
        with suppress(FileNotFoundError, FileExistsError), s3_told(location):
            head = self._client.head_object(Bucket=bucket, Key=key)
            if head["ETag"].strip('"') == etag:
                # the condition again: a service that knows none still was asked a moment ago
                self._client.delete_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')

    def at(self, location: str) -> RemoteObject | None:
        """The object at a location, if there is one."""
        bucket, key = parts_of(location)
        with suppress(FileNotFoundError), s3_told(location):
            head = self._client.head_object(Bucket=bucket, Key=key)
            return RemoteObject(
                location, head["ETag"].strip('"'), int(head["ContentLength"]), head["LastModified"]
            )
        return None


def _fits(etag: str, md5s: list[bytes]) -> bool:
    """Whether content is what an ETag says; true where an ETag says nothing about content."""
    if any(not md5 for md5 in md5s):
        return True
    if _MD5.fullmatch(etag):
        return md5s[0].hex() == etag
    parts = _MD5_OF_PARTS.fullmatch(etag)
    if parts and int(parts.group(1)) == len(md5s):
        whole = hashlib.md5(b"".join(md5s), usedforsecurity=False).hexdigest()
        return f"{whole}-{len(md5s)}" == etag
    return True
