"""The part of BigQuery's REST API that dbt uses, on loopback, over a warehouse without rows.

What BigQuery would reject is answered as BigQuery answers it, so that dbt itself names the model.
https://cloud.google.com/bigquery/docs/reference/rest has the resources.
"""

import datetime as dt
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from orchestration.bigquery.googlesql import QueryRejectedError, parse_type, type_name
from orchestration.bigquery.statements import Key, NotFoundError, Statement, Table, Warehouse
from orchestration.bigquery.values import EPOCH

_REST_TYPES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}


def _fields(columns: dict[str, Any], descriptions: dict[str, str]) -> list[dict[str, Any]]:
    fields = [_field(name, kind) for name, kind in columns.items()]
    for column in fields:
        if column["name"] in descriptions:
            column["description"] = descriptions[column["name"]]
    return fields


def _field(name: str, kind: Any) -> dict[str, Any]:
    mode = "NULLABLE"
    if kind.HasField("array_type"):
        kind, mode = kind.array_type.element_type, "REPEATED"
    if kind.HasField("struct_type"):
        members = [_field(f.field_name, f.field_type) for f in kind.struct_type.field]
        return {"name": name, "type": "RECORD", "mode": mode, "fields": members}
    text = type_name(kind)
    return {"name": name, "type": _REST_TYPES.get(text, text), "mode": mode}


def _spelled(column: dict[str, Any]) -> str:
    text = column["type"]
    if text in ("RECORD", "STRUCT"):
        members = (f"`{member['name']}` {_spelled(member)}" for member in column["fields"])
        text = f"struct<{', '.join(members)}>"
    return f"array<{text}>" if column.get("mode") == "REPEATED" else text


def _columns(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {column["name"]: parse_type(_spelled(column)) for column in fields}


class _Api:
    """Requests to answers; one at a time, because the analyzer takes one at a time."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._jobs: dict[str, dict[str, Any]] = {}
        self._results: dict[str, dict[str, Any]] = {}
        self._uploads: dict[str, dict[str, Any]] = {}
        project = r"/projects/(?P<project>[^/]+)"
        tables = project + r"/datasets/(?P<dataset>[^/]+)/tables"
        table = tables + r"/(?P<table>[^/]+)"
        self._routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", project + r"/datasets", self._list_datasets),
            ("POST", project + r"/datasets", self._insert_dataset),
            ("GET", project + r"/datasets/(?P<dataset>[^/]+)", self._get_dataset),
            ("PATCH", project + r"/datasets/(?P<dataset>[^/]+)", self._get_dataset),
            ("DELETE", project + r"/datasets/(?P<dataset>[^/]+)", self._delete_dataset),
            ("GET", project + r"/datasets/(?P<dataset>[^/]+)/routines", self._list_routines),
            ("GET", tables, self._list_tables),
            ("POST", tables, self._insert_table),
            ("GET", table, self._get_table),
            ("PATCH", table, self._patch_table),
            ("DELETE", table, self._delete_table),
            ("POST", project + r"/jobs", self._insert_job),
            ("GET", project + r"/jobs/(?P<job>[^/]+)", self._get_job),
            ("GET", project + r"/queries/(?P<job>[^/]+)", self._get_results),
            ("POST", "/upload" + project + r"/jobs", self._begin_upload),
            ("PUT", r"/uploads/(?P<job>[^/]+)", self._end_upload),
        ]

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        for wanted, pattern, function in self._routes:
            found = re.fullmatch(pattern, path)
            if found and wanted == method:
                return function(body, **found.groupdict())
        raise NotFoundError(f"this service does not answer {method} {path}")

    # Datasets and tables

    def _list_datasets(self, _: Any, project: str) -> Any:
        names = sorted(dataset for owner, dataset in self._warehouse.datasets if owner == project)
        return {"datasets": [self._dataset(project, name) for name in names]}

    def _insert_dataset(self, body: Any, project: str) -> Any:
        name = body["datasetReference"]["datasetId"]
        self._warehouse.datasets.add((project, name))
        return self._dataset(project, name)

    def _get_dataset(self, _: Any, project: str, dataset: str) -> Any:
        if (project, dataset) not in self._warehouse.datasets:
            raise NotFoundError(f"Not found: Dataset {project}:{dataset}")
        return self._dataset(project, dataset)

    def _delete_dataset(self, _: Any, project: str, dataset: str) -> Any:
        self._get_dataset(None, project, dataset)
        for key in [key for key in self._warehouse.tables if key[:2] == (project, dataset)]:
            self._warehouse.drop(key)
        self._warehouse.datasets.discard((project, dataset))
        return {}

    @staticmethod
    def _dataset(project: str, name: str) -> Any:
        return {"datasetReference": {"projectId": project, "datasetId": name}, "location": "EU"}

    def _list_routines(self, _: Any, project: str, dataset: str) -> Any:
        self._get_dataset(None, project, dataset)
        return {"routines": []}

    def _list_tables(self, _: Any, project: str, dataset: str) -> Any:
        self._get_dataset(None, project, dataset)
        keys = [key for key in self._warehouse.tables if key[:2] == (project, dataset)]
        return {"tables": [self._table(key) for key in keys], "totalItems": len(keys)}

    def _insert_table(self, body: Any, project: str, dataset: str) -> Any:
        key = (project, dataset, body["tableReference"]["tableId"])
        self._warehouse.put(key, Table("TABLE", _columns(body["schema"]["fields"])))
        return self._table(key)

    def _get_table(self, _: Any, project: str, dataset: str, table: str) -> Any:
        if table in self._results:
            reference = {"projectId": project, "datasetId": dataset, "tableId": table}
            schema = self._results[table]["schema"]
            return {"tableReference": reference, "schema": schema, "numRows": "0"}
        return self._table((project, dataset, table))

    def _patch_table(self, body: Any, project: str, dataset: str, table: str) -> Any:
        key = (project, dataset, table)
        known = self._warehouse.get(key)
        if "schema" in body:
            fields = body["schema"]["fields"]
            known.columns = _columns(fields)
            described = [column for column in fields if "description" in column]
            known.descriptions |= {column["name"]: column["description"] for column in described}
            self._warehouse.put(key, known)
        known.description = body.get("description", known.description)
        known.labels = body.get("labels", known.labels)
        return self._table(key)

    def _delete_table(self, _: Any, project: str, dataset: str, table: str) -> Any:
        self._warehouse.drop((project, dataset, table))
        return {}

    def _table(self, key: Key) -> Any:
        table = self._warehouse.get(key)
        resource: dict[str, Any] = {
            "tableReference": dict(zip(("projectId", "datasetId", "tableId"), key, strict=True)),
            "type": table.kind,
            "schema": {"fields": _fields(table.columns, table.descriptions)},
            "numRows": "0",
            "labels": table.labels,
        }
        if table.partition:
            resource["timePartitioning"] = {"type": "DAY", "field": table.partition}
        if table.clustering:
            resource["clustering"] = {"fields": list(table.clustering)}
        if table.query:
            resource["view"] = {"query": table.query, "useLegacySql": False}
        return resource

    # Jobs

    def _insert_job(self, body: Any, project: str) -> Any:
        configuration = body["configuration"]
        job = body["jobReference"]["jobId"]
        if "query" in configuration:
            return self._query(project, job, body)
        if "copy" in configuration:
            copy = configuration["copy"]
            sources = copy.get("sourceTables") or [copy["sourceTable"]]
            self._warehouse.copy(_table_key(sources[0]), _table_key(copy["destinationTable"]))
            return self._done(project, job, body, {})
        raise NotFoundError(f"this service runs no job of {', '.join(configuration)}")

    def _query(self, project: str, job: str, body: Any) -> Any:
        query = body["configuration"]["query"]
        statement = self._warehouse.run(query["query"])
        destination = statement.target or (project, "_anonymous", job)
        query["destinationTable"] = dict(
            zip(("projectId", "datasetId", "tableId"), destination, strict=True)
        )
        rows = _rows(statement)
        self._results[job] = {
            "schema": {"fields": _fields(statement.columns, {})},
            "rows": rows,
            "totalRows": str(len(rows)),
            "numDmlAffectedRows": "0",
        }
        numbers = {"statementType": statement.kind, "totalBytesProcessed": "0"}
        return self._done(project, job, body, {"query": numbers})

    def _done(self, project: str, job: str, body: Any, statistics: Any) -> Any:
        self._jobs[job] = {
            "kind": "bigquery#job",
            "id": f"{project}:EU.{job}",
            "jobReference": {"projectId": project, "jobId": job, "location": "EU"},
            "configuration": body["configuration"],
            "status": {"state": "DONE"},
            "statistics": {
                "creationTime": "0",
                "startTime": "0",
                "endTime": "0",
                "totalBytesProcessed": "0",
                **statistics,
            },
        }
        return self._jobs[job]

    def _get_job(self, _: Any, project: str, job: str) -> Any:
        if job not in self._jobs:
            raise NotFoundError(f"Not found: Job {project}:{job}")
        return self._jobs[job]

    def _get_results(self, _: Any, project: str, job: str) -> Any:
        if job not in self._results:
            raise NotFoundError(f"Not found: Job {project}:{job}")
        reference = {"projectId": project, "jobId": job, "location": "EU"}
        return {"jobReference": reference, "jobComplete": True, **self._results[job]}

    def _begin_upload(self, body: Any, project: str) -> Any:
        self._uploads[body["jobReference"]["jobId"]] = {"project": project, "body": body}
        return body

    def _end_upload(self, body: Any, job: str) -> Any:
        upload = self._uploads.pop(job)
        load = upload["body"]["configuration"]["load"]
        table = Table("TABLE", _columns(load["schema"]["fields"]))
        self._warehouse.load(_table_key(load["destinationTable"]), table, body["text"])
        return self._done(upload["project"], job, upload["body"], {"load": {"outputRows": "0"}})


def _table_key(reference: dict[str, str]) -> Key:
    return (reference["projectId"], reference["datasetId"], reference["tableId"])


def _rows(statement: Statement) -> list[dict[str, Any]]:
    """What a query gives; without rows, a data test must say something all the same."""
    if statement.rows is not None:
        return [_cell(list(row.values())) for row in statement.rows]
    if list(statement.columns) == ["failures", "should_warn", "should_error"]:
        return [{"f": [{"v": "0"}, {"v": "false"}, {"v": "false"}]}]
    return []


def _cell(value: Any) -> Any:
    """A value as the REST API writes it; a list stands for the members of a row."""
    if isinstance(value, dict):
        return _cell(list(value.values()))
    if isinstance(value, list):
        return {"f": [{"v": _cell(member)} for member in value]}
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return str((value - EPOCH) // dt.timedelta(microseconds=1))
    return None if value is None else str(value)


@contextmanager
def serve(warehouse: Warehouse) -> Iterator[str]:
    """Answer on a free port of loopback; gives the endpoint."""
    api = _Api(warehouse)
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            path = urlsplit(self.path).path.replace("/bigquery/v2", "")
            is_json = self.headers.get("Content-Type", "").startswith("application/json")
            is_json = is_json and bool(content)
            body = json.loads(content) if is_json else {"text": content.decode()}
            headers = {}
            try:
                with turn:
                    status, answer = 200, api.answer(self.command, path, body)
                if path.startswith("/upload/"):
                    headers["Location"] = (
                        f"http://127.0.0.1:{server.server_port}/uploads/"
                        f"{body['jobReference']['jobId']}"
                    )
            except NotFoundError as problem:
                status, answer = 404, _error(404, "notFound", str(problem))
            except QueryRejectedError as problem:
                status, answer = 400, _error(400, "invalidQuery", str(problem))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Nothing: what matters is recorded by the warehouse."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _error(code: int, reason: str, message: str) -> dict[str, Any]:
    details = [{"reason": reason, "message": message, "domain": "global"}]
    return {"error": {"code": code, "message": message, "errors": details}}
