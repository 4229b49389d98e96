"""Landings of files and of an API, through dlt, in this process."""

import json
import random
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from ingestion.adworld.hostile import CLICKS, CONVERSIONS, click_line, conversion_line
from ingestion.contracts import load_contract
from ingestion.lake import Lake
from ingestion.sources import adserver, fx
from tests.chaos.books import Difference, Entry
from tests.chaos.inprocess.driver import in_process
from tests.chaos.inprocess.home import LakeScenario


class FilesScenario(LakeScenario):
    """CSV files that are dropped: whole, sent twice, with a bad line, broken as a whole."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.number = 0
        self.sends = 0
        self.good: dict[str, int] = {}
        self.broken: set[str] = set()
        self._last = b""

    def send(self) -> None:
        self._send(CLICKS)
        self._send(CONVERSIONS)
        self.sends += 1
        if self.sends % 3 == 0:
            self._drop(f"clicks-again-{self.number}.csv", self._last)
        if self.sends % 2 == 0:
            self.number += 1
            name = f"conversions-broken-{self.number}.csv"
            self.broken.add(name)
            self._drop(name, f"not,the,header\n{self.number},2,3\n".encode())

    def _send(self, table: str) -> None:
        name, content = self.make(table)
        if table == CLICKS:
            self._last = content
        self._drop(name, content)

    def make(
        self, table: str, name: str = "", *, is_landed: bool = True, has_failures: bool = True
    ) -> tuple[str, bytes]:
        """The name and content of a file, which is noted if it is going to be landed."""
        self.number += 1
        contract = load_contract(*table.split("."))
        name = f"{name or contract.table}-{self.number}.csv"
        lines = [",".join(field.name for field in contract.fields)]
        for line in range(2, 2 + self.rng.randrange(1, 4)):
            self.number += 1
            amount = self.rng.randrange(10**9)
            entry = Entry(f"hostile-{self.number}", amount)
            if table == CLICKS:
                fields = click_line(self.number)
                fields[5] = str(amount)
            else:
                fields = conversion_line(self.number)
                fields[6] = f"{amount // 10**6}.{amount % 10**6:06}"
            if has_failures and self.rng.random() < 0.15:
                fields, entry = fields[:2], Entry(None, None, "parse")
            lines.append(",".join(fields))
            if is_landed:
                self.books.send(table, (name, str(line)), entry)
        if is_landed:
            self.good[name] = len(lines) - 1
        return name, "\n".join([*lines, ""]).encode()

    def _drop(self, name: str, content: bytes) -> None:
        folder = self.settings.drop / "adserver"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.tmp").write_bytes(content)
        (folder / f"{name}.tmp").rename(folder / name)

    def run(self) -> None:
        adserver.land(self.settings)

    def check_more(self, lake: Lake, difference: Difference) -> None:
        super().check_more(lake, difference)
        registered = lake.read_ops("file_registry").to_pylist()
        rows = {row["file_name"]: row["rows"] for row in registered if row["status"] == "loaded"}
        if rows != self.good:
            difference.add("wrong", 1, f"registered are {rows}, sent were {self.good}")
        names = Counter(row["file_name"] for row in registered if row["status"] == "loaded")
        difference.notes += [f"{name} is registered twice" for name in names if names[name] > 1]
        archived = {
            path.name.removesuffix(".reason.json")
            for path in (self.settings.drop / "error" / "adserver").rglob("*.reason.json")
        }
        if archived != self.broken:
            difference.add("lost", 1, f"archived are {archived}, broken were {self.broken}")
        left = [
            path
            for folder in ("adserver", "processing/adserver")
            for path in (self.settings.drop / folder).rglob("*")
            if path.is_file() and path.name != ".copying-lock"
        ]
        difference.notes += [f"{path} was left" for path in left]


class RatesScenario(LakeScenario):
    """Rates that an API publishes."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        published: list[dict[str, str]] = []
        self.published = published
        self.day = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"rates": published, "next_page": None}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.settings = self.settings.model_copy(update={"fx_url": url})

    def send(self) -> None:
        day = f"20{10 + self.day // 336:02}-{1 + self.day // 28 % 12:02}-{1 + self.day % 28:02}"
        self.day += 1
        for quote in self.rng.sample(["EUR", "GBP", "JPY", "CHF"], 2):
            amount = self.rng.randrange(1, 10**9)
            rate = f"{amount // 10**6}.{amount % 10**6:06}"
            self.published.append({"rate_date": day, "base": "USD", "quote": quote, "rate": rate})
            self.books.send("fx.rates", (day, "USD", quote), Entry(f"{day}USD{quote}", amount))

    def run(self) -> None:
        fx.land(self.settings)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


in_process("landing of files", smoke=22, full=180, doubles=2, renew=25)(FilesScenario)
in_process("landing of an API", smoke=10, full=80, doubles=1, renew=25)(RatesScenario)
