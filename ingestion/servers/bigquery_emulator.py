"""A local BigQuery emulator, in a Python environment of its own; its tables survive a restart.

Its address is `ADX_BIGQUERY_ENDPOINT`; what it needs besides goes to a free port at each start.
What it can and cannot judge: docs/bigquery.md.
"""

from pathlib import Path
from typing import Final

import requests

from ingestion.errors import AdxError, ExitCode
from ingestion.local_server import Server, ServerStatus, demand_free, free_ports, loopback_port
from ingestion.settings import PROJECT_ROOT, Settings

_SETTING: Final = "ADX_BIGQUERY_ENDPOINT"
_LAUNCHER: Final = PROJECT_ROOT / "infra" / "bigquery_emulator" / "start.py"
ENVIRONMENT: Final = PROJECT_ROOT / ".tools" / "bigquery-emulator"
"""Where `make bigquery-emulator` installs it."""


def start_bigquery_emulator(settings: Settings) -> ServerStatus:
    """Start the emulator, unless it runs.

    Raises:
        AdxError: The settings name another machine, the port is taken, the emulator is not
            installed, or it does not come up.
    """
    port = loopback_port(settings.bigquery_endpoint, _SETTING)
    server = _server(settings)
    with server.lock():
        process = server.process()
        if process is None:
            demand_free(port, _SETTING)
            process = server.launch(_command(settings, port), {})
        server.wait_until(lambda: _answers(settings), process)
    return ServerStatus(True, True, str(settings.bigquery_endpoint), process.pid, server.log)


def stop_bigquery_emulator(settings: Settings) -> bool:
    """Stop the emulator; what it holds stays. False if it did not run."""
    return _server(settings).stop()


def bigquery_emulator_status(settings: Settings) -> ServerStatus:
    """Whether the emulator runs and answers."""
    return _server(settings).status(str(settings.bigquery_endpoint), lambda: _answers(settings))


def _server(settings: Settings) -> Server:
    return Server(settings.bigquery_emulator, "The local BigQuery emulator", mark=str(_LAUNCHER))


def _command(settings: Settings, port: int) -> list[str]:
    return [
        str(_python()),
        str(_LAUNCHER),
        f"--rest-port={port}",
        f"--grpc-port={free_ports(1, beside={port})[0]}",
        f"--data-dir={settings.bigquery_emulator / 'data'}",
        f"--project={settings.bigquery_project}",
        "--log-level=warning",
    ]


def _python() -> Path:
    program = ENVIRONMENT / "bin" / "python"
    if not program.is_file():
        raise AdxError(
            f"The BigQuery emulator is not installed: there is no {program}.",
            remedy="Run `make bigquery-emulator`; it installs it below .tools.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return program


def _answers(settings: Settings) -> bool:
    try:
        answer = requests.get(
            f"{settings.bigquery_endpoint}/bigquery/v2/projects/{settings.bigquery_project}"
            "/datasets",
            timeout=5,
        )
    except requests.RequestException:
        return False
    return answer.ok
