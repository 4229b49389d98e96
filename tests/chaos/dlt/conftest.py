"""A process that has imported everything and forks a landing for each kill.

Importing dlt takes two seconds; a landing that is killed is done in less than one.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestion.settings import Settings

_SERVER = """
import json, os, sys
import ingestion.sources.adserver, ingestion.sources.campaigns
import ingestion.sources.crunchbase, ingestion.sources.exchange, ingestion.sources.fx
from ingestion.sources.main import run

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ.update(order["environment"])
        os._exit(run(getattr(ingestion.sources, order["source"]).land))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=sys.stderr, flush=True)
"""


@pytest.fixture(scope="session")
def _forks() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _SERVER]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        yield server
        assert server.stdin is not None
        server.stdin.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", drop_quiet_seconds=0.0)


@pytest.fixture
def kill_at(_forks: subprocess.Popen[str], settings: Settings) -> Callable[..., None]:
    """Run a landing in a process of its own that dies at a point."""

    def kill(source: str, point: str, **more: str) -> None:
        environment = {
            "ADX_HOME": str(settings.home),
            "ADX_DROP_QUIET_SECONDS": "0",
            "ADX_FAILPOINT": point,
            **more,
        }
        assert _forks.stdin is not None
        assert _forks.stderr is not None
        _forks.stdin.write(json.dumps({"source": source, "environment": environment}) + "\n")
        _forks.stdin.flush()
        assert _forks.stderr.readline() == "-9\n"

    return kill
