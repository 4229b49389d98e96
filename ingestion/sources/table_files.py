"""The files of one table in one landing."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Literal

import pyarrow as pa

from ingestion.contracts import Contract
from ingestion.errors import AdxError, ExitCode
from ingestion.landing import Tally, land_avro_file, land_csv_file, land_jsonl_file
from ingestion.sources.drop_queue import Look
from ingestion.sources.pipeline import Claim, StalePackageError, TablePipeline
from ingestion.sources.progress import Advance
from ingestion.sources.rejects import Rejects, register
from ingestion.sources.report import FileReport
from ingestion.sources.run import Landing
from ingestion.sources.taken_file import TakenFile

_PACKAGE_ROWS: Final = 1_000_000
"""A package is closed when it has this many rows; it is in memory when it is committed."""
_TRIES: Final = 3
_READERS: Final = {"avro": land_avro_file, "csv": land_csv_file, "jsonl": land_jsonl_file}


@dataclass(frozen=True)
class ParsedFile:
    """A file and its rows."""

    file: TakenFile
    rows: pa.Table


def read_file(landing: Landing, contract: Contract, file: TakenFile) -> pa.Table:
    """The rows of a file, good and failed.

    Raises:
        AdxError: It cannot be finished.
    """
    # one thread each: the files that are parsed at the same time share the cores
    context = replace(landing.context(contract), threads=1)
    read = _READERS[contract.carrier]
    return pa.concat_tables(read(context, file.path, file.name))


class TableFiles:
    """Lands the files of one table, in the order they are given.

    Args:
        landing: The landing.
        rejects: Deals with files that cannot be finished.
        pipeline: The table's pipeline, drained.
        advance: Told when a file is done.
    """

    def __init__(
        self, landing: Landing, rejects: Rejects, pipeline: TablePipeline, advance: Advance
    ) -> None:
        self._landing = landing
        self._rejects = rejects
        self._pipeline = pipeline
        self._contract = pipeline.contract
        self._advance = advance
        self._workers = landing.settings.duckdb_threads
        self._parsing: dict[TakenFile, Future[pa.Table]] = {}

    def land(self, files: list[TakenFile]) -> None:
        """Land files; each ends loaded, repeated, failed or waiting in the report."""
        pending = deque(files)
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                while pending:
                    package = self._next_package(pending, pool)
                    if package:
                        self._commit(package)
            finally:
                pool.shutdown(cancel_futures=True)

    def _next_package(
        self, pending: deque[TakenFile], pool: ThreadPoolExecutor
    ) -> list[ParsedFile]:
        """Parse files until there are enough rows; what is known or broken is dealt with."""
        loaded = self._loaded(pending)
        package: list[ParsedFile] = []
        rows = 0
        while pending and rows < _PACKAGE_ROWS:
            if pending[0].name in {parsed.file.name for parsed in package}:
                break  # a newer version of a name supersedes: it comes in a commit of its own
            file = pending.popleft()
            if file.sha256 in loaded or file.sha256 in {item.file.sha256 for item in package}:
                self._known(file, loaded.get(file.sha256, ""))
                continue
            for coming in (file, *islice(pending, self._workers)):
                if coming not in self._parsing and coming.sha256 not in loaded:
                    self._parsing[coming] = pool.submit(self._read, coming)
            parsed = self._parse(file)
            if parsed is not None:
                package.append(parsed)
                rows += parsed.rows.num_rows
        return package

    def _loaded(self, files: Iterable[TakenFile]) -> dict[str, str]:
        """Which contents are loaded: hash to the package that brought it."""
        digests = {file.sha256 for file in files}
        found = self._landing.lake.loaded_files(self._contract, digests)
        claims = self._landing.lake.head(self._contract).claims.files
        loads = {digest: claims[digest].load_id for digest in found if digest in claims}
        if len(loads) < len(found):
            registry = self._landing.lake.read_ops("file_registry").to_pylist()
            loads |= {
                row["sha256"]: row["load_id"]
                for row in registry
                if row["sha256"] in found
                and row["status"] == "loaded"
                and row["table_name"] == self._contract.table
            }
        return loads

    def _read(self, file: TakenFile) -> pa.Table:
        return read_file(self._landing, self._contract, file)

    def _parse(self, file: TakenFile) -> ParsedFile | None:
        try:
            rows = self._parsing.pop(file).result()
        except AdxError as error:
            if error.exit_code not in (ExitCode.DATA, ExitCode.UNAVAILABLE):
                raise
            self._fail(file, "parse" if file.sha256 else "read", error)
            return None
        if Look.at(file.path) != file.look:
            self._report(file, "waiting", "it changed while it was read")
            return None
        return ParsedFile(file, rows)

    def _commit(self, package: list[ParsedFile]) -> None:
        for _ in range(_TRIES):
            if not package:
                return
            try:
                self._load(package)
            except StalePackageError:
                package = self._still_new(package)
            else:
                return
        raise AdxError(
            f"Other landings of {self._contract.name} kept coming first.",
            remedy="Land this source from one place only, then run it again.",
            exit_code=ExitCode.BUSY,
        )

    def _still_new(self, package: list[ParsedFile]) -> list[ParsedFile]:
        loaded = self._loaded(parsed.file for parsed in package)
        for parsed in package:
            if parsed.file.sha256 in loaded:
                self._known(parsed.file, loaded[parsed.file.sha256])
        return [parsed for parsed in package if parsed.file.sha256 not in loaded]

    def _load(self, package: list[ParsedFile]) -> None:
        attempts = {parsed.file.attempt.id: parsed.file.attempt for parsed in package}

        def claim(load_id: str) -> Claim:
            for attempt in attempts.values():
                attempt.note_load(load_id)
            return Claim(
                position={"attempts": sorted(attempts)},
                files={parsed.file.sha256: parsed.file.name for parsed in package},
            )

        rows = pa.concat_tables([parsed.rows for parsed in package])
        result = self._pipeline.load(rows, claim)
        self._landing.committed(self._contract, result, Tally.of(rows))
        for parsed in package:
            self._finish_loaded(parsed.file)

    def _finish_loaded(self, file: TakenFile) -> None:
        self._landing.table(self._contract).bytes += file.bytes
        settings = self._landing.settings
        if settings.keep_loaded_files:
            kept = settings.drop / "archive" / self._contract.source / file.attempt.id
            kept.mkdir(parents=True, exist_ok=True)
            file.path.rename(kept / file.name)
        # a loaded file holds ids and addresses in clear text, and the lake has all of its events
        file.attempt.finish(file.path)
        self._report(file, "loaded")

    def _known(self, file: TakenFile, load_id: str) -> None:
        """A content that is loaded: by this very attempt before a crash, or by another file."""
        if load_id in file.attempt.loads():
            self._finish_loaded(file)
            return
        register(self._landing, self._contract, file, "repeated")
        file.attempt.finish(file.path)
        self._report(file, "repeated", "its content is loaded already")

    def _fail(self, file: TakenFile, step: Literal["read", "parse"], error: AdxError) -> None:
        self._rejects.reject(file, step, error)
        self._advance(file.name)

    def _report(
        self,
        file: TakenFile,
        outcome: Literal["loaded", "repeated", "waiting"],
        message: str = "",
    ) -> None:
        name = self._contract.name
        self._landing.report.files.append(FileReport(file.name, name, outcome, message))
        self._advance(file.name)
