"""Where builds live, which one is current, and who may write.

    <warehouse>/building/          the build in progress; one at a time
    <warehouse>/builds/<id>/       builds that passed; `current` links to the published one
    <warehouse>/failed/<id>/       builds that failed, kept to look at
    <warehouse>/scratch/           the copy that `adx dbt` and partial builds work on
    <warehouse>/publications.json  which builds readers have seen, and which were taken back
    <warehouse>/publish.json       the ledger row of a publish that is at work, or was killed

A build folder holds `advertisex.duckdb`, `build.json` and `ledger.json`, its row of the run ledger
(a publish writes it, if the process that built was killed before it could). It comes to `builds/`
by one rename after its tests passed, and becomes current by replacing one link: a process killed at
any moment leaves the published build as it was.

A build whose DuckDB file somebody has deleted is none any more; if it was the published one, the
next build makes everything from nothing.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.durable import make_folder, sync_folder, write_file
from ingestion.settings import Settings
from orchestration.warehouse.versions import Versions, Withdrawal

FILE_NAME = "advertisex.duckdb"
"""Never changes: its base name is the catalog name that views refer to."""

KEEP_FAILED = 2


@dataclass(frozen=True)
class Manifest:
    """What a build is (`build.json`).

    Attributes:
        build_id: `b<number>-pin<pin>`; numbers only grow, so that they sort by age.
        pin: Pin that it holds.
        previous_pin: Pin of the build that it continues; None for a full refresh.
        code: Hash of the dbt project it was made with.
        full_refresh: Whether everything was built from nothing.
        started_at: UTC, ISO 8601.
        finished_at: UTC, ISO 8601.
        models: Models built.
        tests: Tests passed.
        rows: Rows in all tables of the vault and the marts.
        hash_contract: Version of the hash contract that its vault keys follow.
    """

    build_id: str
    pin: int
    previous_pin: int | None
    code: str
    full_refresh: bool
    started_at: str
    finished_at: str
    models: int
    tests: int
    rows: int
    hash_contract: int = 1


@dataclass(frozen=True)
class Build:
    """A finished build on disk."""

    folder: Path
    manifest: Manifest

    @property
    def file(self) -> Path:
        """Its DuckDB file."""
        return self.folder / FILE_NAME

    @property
    def ledger_row(self) -> str | None:
        """Its row of the run ledger, as text; None where it has none."""
        try:
            return (self.folder / "ledger.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    @property
    def log(self) -> Path:
        """DuckDB's log of changes that are not checkpointed; a whole build has none."""
        return self.file.with_name(f"{FILE_NAME}.wal")


def files_of(settings: Settings) -> "Store":
    """The folder of the warehouse, for what reads DuckDB files.

    Raises:
        AdxError: The warehouse is BigQuery's.
    """
    if settings.warehouse_engine != "duckdb":
        raise AdxError(
            "This reads the DuckDB file of the warehouse, and here the warehouse is BigQuery.",
            remedy="Ask with `adx query`, or set ADX_ENVIRONMENT to one whose warehouse is DuckDB.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return Store(settings.warehouse)


class Store:
    """The folder of the warehouse."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.builds = folder / "builds"
        self.failed = folder / "failed"
        self.building = folder / "building"
        self.scratch = folder / "scratch"
        self.current_link = folder / "current"
        self._publications = folder / "publications.json"
        self._publish = folder / "publish.json"

    @property
    def current_file(self) -> Path:
        """The published DuckDB file, by the link: what readers open."""
        return self.current_link / FILE_NAME

    @contextmanager
    def lock(self, purpose: str) -> Iterator[None]:
        """Be the one writer of the warehouse; the kernel drops the lock of a dead process.

        Raises:
            AdxError: Another process holds it (exit code BUSY).
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / ".lock"
        with path.open("a+", encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                stream.seek(0)
                holder = stream.read().strip() or "another process"
                raise AdxError(
                    f"The warehouse {self.folder} is being written by {holder}.",
                    remedy="Wait until it is done and run the command again.",
                    exit_code=ExitCode.BUSY,
                ) from error
            stream.truncate(0)
            stream.write(f"`adx {purpose}` (process {os.getpid()})")
            stream.flush()
            yield

    def current(self) -> Build | None:
        """The published build; None before the first publish, and where it was lost."""
        linked = self._linked()
        return None if linked is None else self._find(linked)

    def lost(self) -> str | None:
        """The id of the published build, if its files are gone."""
        linked = self._linked()
        return linked if linked is not None and self._find(linked) is None else None

    def _linked(self) -> str | None:
        return self.current_link.readlink().name if self.current_link.is_symlink() else None

    def _find(self, build_id: str) -> Build | None:
        """A build that passed, if it is there with its DuckDB file."""
        folder = self.builds / build_id
        try:
            node = json.loads((folder / "build.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        build = Build(folder, Manifest(**node))
        return build if build.file.exists() else None

    def published(self) -> Build:
        """The published build.

        Raises:
            AdxError: Nothing has been published yet, or it was lost.
        """
        build = self.current()
        if build is None:
            if (lost := self.lost()) is not None:
                raise AdxError(
                    f"The files of the published build {lost} are gone from {self.builds / lost}.",
                    remedy="Run `adx build` and `adx publish`: the lake has everything.",
                    exit_code=ExitCode.CONFIGURATION,
                )
            raise AdxError(
                f"No warehouse has been published yet in {self.folder}.",
                remedy="Run `adx build` and `adx publish` (or `make demo`) first.",
                exit_code=ExitCode.CONFIGURATION,
            )
        return build

    def read(self, build_id: str) -> Build:
        """A build that passed, by its id.

        Raises:
            AdxError: There is none of that id.
        """
        build = self._find(build_id)
        if build is None:
            known = ", ".join(build.manifest.build_id for build in self.passed()) or "none"
            raise AdxError(
                f"There is no build {build_id} in {self.builds}.",
                remedy=f"Name one of those that passed: {known}.",
                exit_code=ExitCode.USAGE,
            )
        return build

    def passed(self) -> list[Build]:
        """Builds that passed their tests, oldest first."""
        if not self.builds.is_dir():
            return []
        found = [self._find(folder.name) for folder in sorted(self.builds.iterdir())]
        return [build for build in found if build is not None]

    def versions(self) -> Versions:
        """Which builds are kept, and what became of them."""
        published, withdrawn = self._read_publications()
        current = self.current()
        return Versions(
            [build.manifest for build in self.passed()],
            current.manifest if current is not None else None,
            published,
            withdrawn,
        )

    def _read_publications(self) -> tuple[frozenset[str], dict[str, Withdrawal]]:
        try:
            node = json.loads(self._publications.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return frozenset(), {}
        withdrawn = [Withdrawal(**each) for each in node["withdrawn"]]
        return frozenset(node["published"]), {each.build_id: each for each in withdrawn}

    def _write_publications(
        self, published: Iterable[str], withdrawn: Iterable[Withdrawal]
    ) -> None:
        """Write which builds readers have seen, of those that are kept, and what was taken back."""
        there = {build.manifest.build_id for build in self.passed()}
        node = {
            "published": sorted(there.intersection(published)),
            "withdrawn": [asdict(each) for each in withdrawn],
        }
        write_file(self._publications, json.dumps(node, indent=2).encode())

    def withdraw(self, withdrawals: Iterable[Withdrawal]) -> None:
        """Write down, in one step, that builds were taken back."""
        published, withdrawn = self._read_publications()
        withdrawn |= {each.build_id: each for each in withdrawals}
        self._write_publications(published, withdrawn.values())

    def will_publish(self, build: Build) -> None:
        """Write down that readers are going to see a build, also one that was taken back before."""
        published, withdrawn = self._read_publications()
        current = self.current()
        seen = {each.manifest.build_id for each in (build, current) if each is not None}
        withdrawn.pop(build.manifest.build_id, None)
        self._write_publications(published | seen, withdrawn.values())

    def note_publish(self, ledger_row: str) -> None:
        """Write down the ledger row of a publish, before readers see what it shows."""
        write_file(self._publish, ledger_row.encode())

    def noted_publish(self) -> str | None:
        """The ledger row of a publish that was not ended; None if there is none."""
        try:
            return self._publish.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def forget_publish(self) -> None:
        """The row is in the ledger, or the publish has not come to be."""
        self._publish.unlink(missing_ok=True)

    def next_id(self, pin: int) -> str:
        """The id of a build that starts now; counted, because clocks can go back.

        That of a published build which was lost is not given again: the link still names it.
        """
        folders = [
            folder.name
            for parent in (self.builds, self.failed)
            if parent.is_dir()
            for folder in parent.iterdir()
        ]
        folders += self.versions().withdrawn
        folders += [name for name in [self._linked()] if name is not None]
        newest = max((int(name[1:7]) for name in folders), default=0)
        return f"b{newest + 1:06d}-pin{pin}"

    def start(self) -> Path:
        """An empty folder to build in; what a killed build left behind is removed."""
        self._remove(self.building)
        self.building.mkdir(parents=True)
        return self.building

    def _remove(self, folder: Path) -> None:
        """Remove a folder by way of the bin, so that a crash leaves no half of it in its place."""
        bin_folder = self.folder / ".bin"
        bin_folder.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            folder.rename(bin_folder / f"{folder.name}-{os.getpid()}")
            failpoint("build.in_remove")
        shutil.rmtree(bin_folder)

    def accept(self, manifest: Manifest, ledger_row: str | None = None) -> Build:
        """Move the finished build to the builds that passed, by one rename.

        Args:
            manifest: What it is.
            ledger_row: Its row of the run ledger, as text.
        """
        manifest_text = json.dumps(asdict(manifest), indent=2)
        write_file(self.building / "build.json", manifest_text.encode())
        if ledger_row is not None:
            write_file(self.building / "ledger.json", ledger_row.encode())
        failpoint("build.in_accept")
        make_folder(self.builds)
        target = self.builds / manifest.build_id
        self.building.rename(target)
        sync_folder(self.builds)
        return Build(target, manifest)

    def keep_partial(self) -> Path:
        """Move a build of a selection to the scratch folder; it is never published."""
        self._remove(self.scratch)
        self.building.rename(self.scratch)
        return self.scratch

    def set_aside(self, build_id: str) -> Path:
        """Keep a build that failed to look at it; only the last few are kept."""
        self.failed.mkdir(exist_ok=True)
        target = self.failed / build_id
        self.building.rename(target)
        for old in sorted(self.failed.iterdir())[:-KEEP_FAILED]:
            self._remove(old)
        return target

    def point_to(self, build: Build) -> None:
        """Publish: replace the `current` link in one step; readers keep the file they opened."""
        link = self.folder / f".current.{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("builds") / build.manifest.build_id)
        failpoint("publish.in_swap")
        link.replace(self.current_link)
        sync_folder(self.folder)

    def tidy(self, count: int, replaced: Build | None = None) -> list[str]:
        """Remove all but the newest builds and those to go back to; the current one always stays.

        A reader that has a removed file open keeps reading it.

        Args:
            count: How many of the newest stay, and of those that readers have seen.
            replaced: The build that readers saw until now; it stays as well, to compare with it
                and to go back to it.
        """
        if not self.builds.is_dir():
            return []
        also = [replaced.manifest.build_id] if replaced is not None else []
        keep = self.versions().to_keep(count, *also)
        removed = []
        for folder in sorted(self.builds.iterdir()):
            if folder.name not in keep:
                self._remove(folder)
                removed.append(folder.name)
        return removed
