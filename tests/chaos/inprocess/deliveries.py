"""Deliveries out of a folder and out of a bucket; files that no table takes, and their way back."""

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Final
from unittest.mock import patch

from botocore.exceptions import ClientError

from ingestion.adworld.hostile import CLICKS, CONVERSIONS
from ingestion.drafts import drafts
from ingestion.lake import Lake
from ingestion.sources import adserver, s3_objects
from ingestion.sources.drop_queue import delivery_of
from ingestion.sources.error_archive import error_archive
from ingestion.sources.file_source import FileSource
from tests.chaos.books import Difference
from tests.chaos.inprocess.batches import FilesScenario
from tests.chaos.inprocess.driver import in_process

_LATE: Final = "late"
"""What the names of files begin with that are clicks, which nobody has declared yet."""
_DECLARED: Final = FileSource.names.fget  # type: ignore[attr-defined]  # it is a property


def _names(source: FileSource) -> Mapping[str, tuple[str, ...]]:
    known = _DECLARED(source)
    return {**known, "clicks": (*known["clicks"], f"{_LATE}*.csv")}


class DeliveriesScenario(FilesScenario):
    """Files alone and together, good and broken; those of an unknown kind are retried later."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.kinds: set[str] = set()

    def send(self) -> None:
        super().send()
        self._drop(*self._make_late())
        self._deliver(f"late-{self.number}", self._make_late(), self.make(CONVERSIONS))
        if self.sends % 2:
            self._deliver(f"good-{self.number}", self.make(CLICKS), self.make(CONVERSIONS))
        else:  # all or none
            good = self.make(CLICKS, is_landed=False)
            bad = (f"conversions-broken-with-{self.number}.csv", b"not,the,header\n1,2,3\n")
            self.broken |= {good[0], bad[0]}
            self._deliver(f"broken-{self.number}", good, bad)

    def _make_late(self) -> tuple[str, bytes]:
        """Clicks under the name of a kind that is another one with each send."""
        first, second = divmod(self.sends, len(ascii_lowercase))
        kind = f"{_LATE}-{ascii_lowercase[first]}{ascii_lowercase[second]}"
        self.kinds.add(kind.replace("-", "_"))
        return self.make(CLICKS, kind, has_failures=False)

    def _deliver(self, name: str, *files: tuple[str, bytes]) -> None:
        """Drop files that belong together."""
        incoming = self.settings.drop / "adserver"
        folder = incoming / f".{name}.part"
        folder.mkdir(parents=True)
        for file, content in files:
            (folder / file).write_bytes(content)
        folder.rename(incoming / name)
        (incoming / f"{name}.done").touch()

    def run(self) -> None:
        adserver.land(self.settings)
        with patch.object(FileSource, "names", property(_names)):
            for place in self._late_places():
                adserver.retry(self.settings, place)
            adserver.land(self.settings)

    def _late_places(self) -> list[str]:
        """What a person retries once the kind is declared."""
        files = error_archive(self.settings, "adserver").files()
        late = [file for file in files if file.reason.name.startswith(_LATE)]
        places = [file.attempt if delivery_of(file.attempt) else file.place for file in late]
        return list(dict.fromkeys(places))

    def check_more(self, lake: Lake, difference: Difference) -> None:
        super().check_more(lake, difference)
        folder = self.settings.drop / "error" / "adserver"
        names = Counter(
            path.name.removesuffix(".reason.json") for path in folder.rglob("*.reason.json")
        )
        difference.notes += [f"{name} is archived twice" for name in names if names[name] > 1]
        hidden = [path for path in folder.rglob("*") if path.name.startswith(".")]
        difference.notes += [f"{path} was left" for path in hidden]
        known = [(draft.kind, draft.number) for draft in drafts(lake, "adserver")]
        if known != [(kind, 1) for kind in sorted(self.kinds)]:
            difference.notes.append(f"drafts are {known}, kinds {sorted(self.kinds)}")


@dataclass
class MemoryS3:
    """A bucket in memory, as far as boto3 is asked for it.

    Attributes:
        objects: Content, metadata and time by key.
        cut: Keys whose content always arrives without its second half.
    """

    objects: dict[str, tuple[bytes, dict[str, str], datetime]] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)

    def put(self, key: str, content: bytes, **metadata: str) -> None:
        """Write an object."""
        self.objects[key] = (content, metadata, datetime.now(UTC))

    def get_paginator(self, _: str) -> "MemoryS3":
        """For `list_objects_v2`."""
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        """One page with all there is."""
        del Bucket
        yield {
            "Contents": [
                {"Key": key, "ETag": self._etag(key), "Size": len(content), "LastModified": at}
                for key, (content, _, at) in sorted(self.objects.items())
                if key.startswith(Prefix)
            ]
        }

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """What is known of an object."""
        del Bucket
        content, metadata, at = self._found(Key)
        return {
            "ETag": self._etag(Key),
            "ContentLength": len(content),
            "LastModified": at,
            "Metadata": metadata,
        }

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        """An object that is still the one that was listed."""
        self._demand(Key, IfMatch)
        content = self.objects[Key][0]
        arrived = content[: len(content) // 2] if Key in self.cut else content
        return self.head_object(Bucket=Bucket, Key=Key) | {"Body": MemoryBody(arrived)}

    def copy_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        CopySource: dict[str, str],  # noqa: N803
        CopySourceIfMatch: str,  # noqa: N803
    ) -> None:
        """Copy within the bucket."""
        del Bucket
        self._demand(CopySource["Key"], CopySourceIfMatch)
        self.objects[Key] = self.objects[CopySource["Key"]]

    def delete_object(self, *, Bucket: str, Key: str, IfMatch: str) -> None:  # noqa: N803
        """Remove an object that is still the same."""
        del Bucket
        self._demand(Key, IfMatch)
        del self.objects[Key]

    def _etag(self, key: str) -> str:
        digest = hashlib.md5(self.objects[key][0], usedforsecurity=False).hexdigest()
        return f'"{digest}"'

    def _found(self, key: str) -> tuple[bytes, dict[str, str], datetime]:
        if key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return self.objects[key]

    def _demand(self, key: str, etag: str) -> None:
        self._found(key)
        if self._etag(key) != etag:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")


@dataclass
class MemoryBody:
    """What arrives of an object."""

    content: bytes

    def iter_chunks(self, _: int) -> Iterator[bytes]:
        """Two pieces of it."""
        middle = len(self.content) // 2
        yield self.content[:middle]
        yield self.content[middle:]


class BucketScenario(DeliveriesScenario):
    """The same out of a bucket, where some objects cannot be copied as they are."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.bucket = MemoryS3()
        update = {"drop_url": "s3://bucket/in", "drop_copies": 2}
        self.settings = self.settings.model_copy(update=update)
        self.aside: set[str] = set()

    def send(self) -> None:
        super().send()
        other, content = self.make(CLICKS, is_landed=False)
        self.bucket.put(f"in/adserver/{other}", content, sha256="0" * 64)
        cut, content = self.make(CLICKS, is_landed=False)
        self.bucket.put(f"in/adserver/{cut}", content)
        self.bucket.cut.add(f"in/adserver/{cut}")
        self.aside.add(cut)
        self.broken |= {other, cut}

    def _drop(self, name: str, content: bytes) -> None:
        self.bucket.put(f"in/adserver/{name}", content)

    def _deliver(self, name: str, *files: tuple[str, bytes]) -> None:
        for file, content in files:
            self._drop(f"{name}/{file}", content)
        self._drop(f"{name}.done", b"")

    def run(self) -> None:
        with patch.object(s3_objects, "s3_client", lambda *_: self.bucket):
            super().run()

    def check_more(self, lake: Lake, difference: Difference) -> None:
        super().check_more(lake, difference)
        left = [key for key in self.bucket.objects if key.startswith("in/adserver/")]
        difference.notes += [f"object {key} was left" for key in left]
        aside = Counter(
            key.rpartition("/")[2] for key in self.bucket.objects if key.startswith("in/error/")
        )
        if aside != Counter(self.aside):
            difference.add("lost", 1, f"set aside are {aside}, damaged were {self.aside}")


in_process(
    "deliveries and retries", smoke=10, full=150, doubles=2, renew=20, common=("dlt.", "drop.")
)(DeliveriesScenario)
in_process(
    "files from a bucket",
    smoke=10,
    full=150,
    doubles=2,
    renew=20,
    common=("dlt.", "drop.", "catalog.", "retry."),
)(BucketScenario)
