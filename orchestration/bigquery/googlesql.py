"""GoogleSQL itself, Google's analyzer and reference executor, as the judge of BigQuery SQL.

The PyPI package `zetasql` is the C++ implementation compiled to WebAssembly. Its stock client
compiles the module at each start (30 to 40 s) and copies bytes one by one; this one keeps the
compiled module in a cache folder and moves memory at once.
"""

import ctypes
import fcntl
import hashlib
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from google._upb import _message
from google.protobuf.empty_pb2 import Empty
from wasmtime import Config, Engine, Linker, Module, Store, WasiConfig
from zetasql import wasi
from zetasql.core.exceptions import ServerError
from zetasql.core.wasm_client import WasmClient, get_tzinfo_dir
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.proto import options_pb2
from zetasql.wasi._pb2.zetasql.proto import simple_catalog_pb2 as catalog_pb2
from zetasql.wasi._pb2.zetasql.public import options_pb2 as public
from zetasql.wasi._pb2.zetasql.public import simple_table_pb2 as table_pb2
from zetasql.wasi._pb2.zetasql.public import type_pb2

from ingestion.settings import PROJECT_ROOT
from orchestration.bigquery.values import decoded

# A resolved statement nests deeper than the hundred levels that protobuf decodes by default.
_message.SetAllowOversizeProtos(True)

Kind = type_pb2.TypeKind
KINDS = {name.removeprefix("TYPE_"): number for name, number in Kind.items()}
SYNONYMS = {
    "BIGINT": "INT64",
    "INTEGER": "INT64",
    "INT": "INT64",
    "FLOAT64": "DOUBLE",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOL",
    "DECIMAL": "NUMERIC",
}

NOT_IN_BIGQUERY = (
    "AGGREGATE_FILTERING",
    "ARRAY_AGGREGATION_FUNCTIONS",
    "CONCAT_MIXED_TYPES",
    "IMPLICIT_COERCION_STRING_LITERAL_TO_BYTES",
    "INLINE_LAMBDA_ARGUMENT",
    "LATERAL_JOIN",
    "MULTILEVEL_AGGREGATION",
    "NULLIFZERO_ZEROIFNULL",
    "PROTO_MAPS",
    "REPEAT",
    "TIMESTAMP_NANOS",
    "TIMESTAMP_PICOS",
    "UUID_TYPE",
)
"""Released features of GoogleSQL that BigQuery does not document."""

CACHE = PROJECT_ROOT / ".tools" / "googlesql"
"""Where the compiled module is kept, for tests and commands alike."""

Content = tuple[Mapping[str, Any], Any]
"""Types of a table's columns, and its rows."""


class QueryRejectedError(Exception):
    """GoogleSQL's own words about what is wrong with a statement."""


class _Client(WasmClient):
    def __init__(self, cache: Path) -> None:
        binary = Path(wasi.get_wasm_path())
        digest = hashlib.sha256(binary.read_bytes()).hexdigest()[:16]
        compiled = cache / f"{digest}-wasmtime-{version('wasmtime')}.cwasm"
        config = Config()
        config.shared_memory = True
        engine = Engine(config)
        settings = WasiConfig()
        settings.preopen_dir(get_tzinfo_dir(), "/usr/share/zoneinfo")
        self.store = Store(engine)
        self.store.set_wasi(settings)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one process compiles, others wait for it
            if not compiled.exists():
                fresh = compiled.with_suffix(".part")
                fresh.write_bytes(Module.from_file(engine, str(binary)).serialize())
                fresh.replace(compiled)
        self.module = Module.deserialize_file(engine, str(compiled))
        linker = Linker(engine)
        linker.define_wasi()
        self.instance = linker.instantiate(self.store, self.module)
        self.exports = self.instance.exports(self.store)
        if "_initialize" in self.exports:
            self.exports["_initialize"](self.store)
        self.memory = self.exports["memory"]

    def _address(self, pointer: int) -> int:
        return ctypes.addressof(self.memory.data_ptr().contents) + pointer

    def write_bytes(self, ptr: int, data: bytes) -> None:
        ctypes.memmove(self._address(ptr), data, len(data))

    def read_bytes(self, ptr: int, size: int) -> bytes:
        return ctypes.string_at(self._address(ptr), size)


def parse_type(text: str) -> Any:
    """A type in BigQuery's notation, such as `array<struct<sku string, quantity int64>>`."""
    spec = text.strip()
    parsed = re.fullmatch(r"(?is)(array|struct)\s*<(.*)>", spec)
    if parsed is None:
        name = re.sub(r"\(.*\)", "", spec).strip().upper()
        return type_pb2.TypeProto(type_kind=KINDS[SYNONYMS.get(name, name)])
    if parsed[1].lower() == "array":
        array = type_pb2.TypeProto(type_kind=Kind.Value("TYPE_ARRAY"))
        array.array_type.element_type.CopyFrom(parse_type(parsed[2]))
        return array
    struct = type_pb2.TypeProto(type_kind=Kind.Value("TYPE_STRUCT"))
    depth, member = 0, ""
    for character in parsed[2] + ",":
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            name, kind = member.split(None, 1)
            field = struct.struct_type.field.add(field_name=name.strip("`"))
            field.field_type.CopyFrom(parse_type(kind))
            member = ""
        else:
            member += character
    return struct


def type_name(kind: Any) -> str:
    """The notation of `parse_type` for a type."""
    name = Kind.Name(kind.type_kind).removeprefix("TYPE_")
    if name == "ARRAY":
        return f"ARRAY<{type_name(kind.array_type.element_type)}>"
    if name == "STRUCT":
        members = (f"{f.field_name} {type_name(f.field_type)}" for f in kind.struct_type.field)
        return f"STRUCT<{', '.join(members)}>"
    return "FLOAT64" if name == "DOUBLE" else name


class GoogleSql:
    """Analyzer and executor with BigQuery's language options and a catalog of its own."""

    Rejected = QueryRejectedError
    type_name = staticmethod(type_name)

    def __init__(self, cache: Path = CACHE) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self._client = _Client(cache)
        language = self._call(
            "GetLanguageOptions",
            service.LanguageOptionsRequest(maximum_features=True),
            options_pb2.LanguageOptionsProto,
        )
        kept = [
            feature
            for feature in language.enabled_language_features
            if public.LanguageFeature.Name(feature).removeprefix("FEATURE_") not in NOT_IN_BIGQUERY
        ]
        self._language = options_pb2.LanguageOptionsProto(
            product_mode=public.PRODUCT_EXTERNAL,
            enabled_language_features=kept,
            name_resolution_mode=0,
            reserved_keywords=["QUALIFY"],
        )
        self._options = options_pb2.AnalyzerOptionsProto()
        self._options.CopyFrom(
            self._call(
                "GetAnalyzerOptions",
                service.AnalyzerOptionsRequest(),
                options_pb2.AnalyzerOptionsProto,
            )
        )
        self._options.ClearField("allowed_hints_and_options")
        self._options.language_options.CopyFrom(self._language)
        self._options.default_timezone = "UTC"
        self._options.error_message_mode = 1
        # A scan then names the columns that the statement reads, as BigQuery bills them.
        self._options.prune_unused_columns = True
        self.connections: set[str] = set()
        self._tables: dict[tuple[str, str, str], Any] = {}
        self._resolved: dict[str, tuple[dict[tuple[str, str, str], Any], Any]] = {}
        self._registered: int | None = None
        self._registered_tables: dict[tuple[str, str, str], Any] = {}

    def _call(self, method: str, request: Any, response: type = Empty) -> Any:
        try:
            return self._client.call_grpc_func(f"ZetaSqlLocalService_{method}", request, response)
        except ServerError as error:
            raise QueryRejectedError(str(error)) from error

    def add_table(self, project: str, dataset: str, name: str, columns: Mapping[str, Any]) -> None:
        """Make a table known; a type is text for `parse_type`, or what `columns_of` gave."""
        table = _table(name, f"{project}.{dataset}.{name}", columns)
        if self._tables.get((project, dataset, name)) != table:
            self._tables[project, dataset, name] = table

    def drop_table(self, project: str, dataset: str, name: str) -> None:
        """Forget a table, if it is known."""
        self._tables.pop((project, dataset, name), None)

    def _catalog(self, tables: Iterable[tuple[str, str, str]]) -> Any:
        catalog = catalog_pb2.SimpleCatalogProto(name="bigquery")
        catalog.builtin_function_options.language_options.CopyFrom(self._language)
        for name in self.connections:
            catalog.connection.add(name=name)
        for name in ("bigint", "int", "integer"):  # the analyzer alone does not know them
            catalog.named_type.add(name=name, type=parse_type("int64"))
        for project, dataset, name in tables:
            schema = _child(_child(catalog, project), dataset)
            schema.table.append(self._tables[project, dataset, name])
        return catalog

    def _named(self, sql: str) -> dict[tuple[str, str, str], Any]:
        """The tables that the statement may name."""
        text = sql.lower()
        return {key: table for key, table in self._tables.items() if key[2].lower() in text}

    def _register(self, wanted: dict[tuple[str, str, str], Any]) -> int:
        """The number of a catalog that has at least these tables.

        Registering takes 15 ms and another 0.2 ms a table, so what is registered is used as long as
        it will do, and holds few tables that no statement needs.
        """
        known = self._registered_tables
        if self._registered is not None:
            if all(known.get(key) is table for key, table in wanted.items()):
                return self._registered
            self._call(
                "UnregisterCatalog", service.UnregisterRequest(registered_id=self._registered)
            )
        self._registered_tables = wanted
        registered = self._call(
            "RegisterCatalog",
            service.RegisterCatalogRequest(simple_catalog=self._catalog(wanted)),
            service.RegisterResponse,
        )
        self._registered = registered.registered_id
        return registered.registered_id

    def analyze(self, sql: str) -> Any:
        """The resolved form of one statement of any kind, as GoogleSQL's own protocol buffer.

        What it said of the same text over the same tables it does not work out again: it takes some
        100 ms a model.

        Raises:
            QueryRejectedError: BigQuery would not take it.
        """
        tables = self._named(sql)
        before = self._resolved.get(sql)
        if before is not None and before[0] == tables:
            return before[1]
        request = service.AnalyzeRequest(
            options=self._options,
            registered_catalog_id=self._register(tables),
            sql_statement=sql,
        )
        answer = self._call("Analyze", request, service.AnalyzeResponse)
        resolved = unwrap(answer.resolved_statement)
        self._resolved[sql] = (tables, resolved)
        return resolved

    def columns_of(self, sql: str) -> dict[str, Any]:
        """Name and type of each column of a query.

        Raises:
            QueryRejectedError: BigQuery would not take it.
        """
        return {output.name: output.column.type for output in self.analyze(sql).output_column_list}

    def evaluate(self, sql: str, tables: Mapping[str, Content]) -> tuple[Any, Any]:
        """Run a query in Google's reference executor.

        Args:
            sql: One query; it names the tables as they are named here, without project or dataset.
            tables: Types of the columns by name, and the rows (`TableData`), by table.

        Returns:
            The columns that it gives (name and type), and its rows (`TableData`).

        Raises:
            QueryRejectedError: BigQuery would not take it, or it fails on these rows.
        """
        catalog = self._catalog(())
        request = service.PrepareQueryRequest(sql=sql, options=self._options)
        for name, (columns, content) in tables.items():
            catalog.table.append(_table(name, name, columns))
            request.table_content[name].table_data.CopyFrom(content)
        request.simple_catalog.CopyFrom(catalog)
        prepared = self._call("PrepareQuery", request, service.PrepareQueryResponse).prepared
        number = prepared.prepared_query_id
        try:
            content = self._call(
                "EvaluateQuery",
                service.EvaluateQueryRequest(prepared_query_id=number),
                service.EvaluateQueryResponse,
            ).content
        finally:
            self._call("UnprepareQuery", service.UnprepareQueryRequest(prepared_query_id=number))
        return prepared.columns, content.table_data

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a query that reads no table in Google's reference executor."""
        columns, content = self.evaluate(sql, {})
        return list(decoded({column.name: column.type for column in columns}, content))


def _table(name: str, full_name: str, columns: Mapping[str, Any]) -> Any:
    table = table_pb2.SimpleTableProto(name=name, full_name=full_name)
    for column_name, kind in columns.items():
        column = table.column.add(name=column_name, is_writable_column=True)
        column.type.CopyFrom(parse_type(kind) if isinstance(kind, str) else kind)
    return table


def unwrap(message: Any) -> Any:
    """What an `Any…` message of GoogleSQL's resolved tree stands for."""
    while message.DESCRIPTOR.oneofs_by_name.get("node") is not None:
        message = getattr(message, message.WhichOneof("node"))
    return message


def _child(catalog: Any, name: str) -> Any:
    for known in catalog.catalog:
        if known.name == name:
            return known
    return catalog.catalog.add(name=name)
