"""`adx`: help, exit codes, and one sentence with a remedy instead of a traceback."""

import errno
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ingestion.errors import AdxError, ExitCode
from ingestion.sources.report import LandingReport
from orchestration import batch
from orchestration.batch import BATCH_SOURCES, file_sources
from orchestration.cli import files
from orchestration.cli import main as cli
from orchestration.cli.land import Source

COMMANDS = (
    "doctor",
    "demo",
    "world create",
    "world play",
    "world describe",
    "world serve-fx",
    "kafka start",
    "kafka stop",
    "kafka status",
    "kafka topics",
    "produce",
    "produce collect",
    "stream run",
    "land",
    "files list",
    "files retry",
    "catalog crawl",
    "catalog list",
    "catalog adopt",
    "failed list",
    "failed show",
    "failed replay",
    "failed discard",
    "contracts check",
    "lake status",
    "lake compact",
    "lake expire",
    "lake orphans",
    "lake backup",
    "lake restore",
    "lake rebuild",
    "upgrade",
    "pin",
    "build",
    "publish",
    "verify",
    "reconcile",
    "query",
    "report",
    "dbt",
    "clean",
)


def run(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["adx", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    result = CliRunner().invoke(cli.app, [*command.split(), "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


def test_the_overview_names_every_command_and_the_exit_codes():
    output = CliRunner().invoke(cli.app, ["--help"]).output
    for command in COMMANDS:
        assert command.split()[0] in output
    assert "Exit codes" in output


def test_every_batch_source_can_be_landed_by_its_name():
    assert set(Source) - {Source.ALL} == set(BATCH_SOURCES)
    assert set(files.Source) == set(file_sources())


def test_a_source_that_cannot_be_reached_holds_up_no_other(monkeypatch, capsys):
    landed = []

    def land(_settings, name, *, demanded):
        assert not demanded
        if name in ("campaigns", "fx"):
            raise AdxError("It is away.", remedy="Start it.", exit_code=ExitCode.UNAVAILABLE)
        landed.append(name)
        return LandingReport(name)

    monkeypatch.setattr(batch, "land_source", land)
    assert run(monkeypatch, "land") == ExitCode.UNAVAILABLE
    assert landed == ["crunchbase", "adserver", "exchange"]
    assert capsys.readouterr().err == "error: It is away.\nremedy: Start it.\n"


def test_the_version_is_shown(monkeypatch, capsys):
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("adx ")


def test_a_wrong_command_line_ends_with_2(monkeypatch):
    assert run(monkeypatch, "build", "--no-such-option") == ExitCode.USAGE
    assert run(monkeypatch, "no-such-command") == ExitCode.USAGE
    assert run(monkeypatch, "land", "no-such-source") == ExitCode.USAGE


def test_day_0_is_not_taken_for_the_next_day(monkeypatch, capsys):
    assert run(monkeypatch, "world", "play", "0") == ExitCode.USAGE
    assert "Invalid value for 'day'" in capsys.readouterr().err


def raising(error: BaseException):
    def app() -> None:
        raise error

    return app


def test_an_expected_error_is_two_lines_and_its_exit_code(monkeypatch, capsys):
    error = AdxError("The broker is down.", remedy="Start it.", exit_code=ExitCode.UNAVAILABLE)
    monkeypatch.setattr(cli, "app", raising(error))
    assert run(monkeypatch) == ExitCode.UNAVAILABLE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: The broker is down.\nremedy: Start it.\n"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EACCES, "No right to use /data/x"),
        (errno.EROFS, "No right to use /data/x"),
        (errno.ENOTDIR, "/data/x is missing or is not a folder"),
    ],
)
def test_what_the_disk_refuses_becomes_a_sentence(monkeypatch, capsys, number, words):
    monkeypatch.setattr(cli, "app", raising(OSError(number, "as the system says", "/data/x")))
    assert run(monkeypatch) == ExitCode.UNAVAILABLE
    lines = capsys.readouterr().err.splitlines()
    assert words in lines[0]
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("remedy: ")
    assert len(lines) == 2


def test_tracebacks_are_shown_on_request(monkeypatch):
    monkeypatch.setenv("ADX_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["adx"])
    for error in (AdxError("x", remedy="y"), OSError(errno.ENOSPC, "full")):
        monkeypatch.setattr(cli, "app", raising(error))
        with pytest.raises(type(error)):
            cli.main()


def test_an_error_that_nobody_expected_is_not_hidden(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["adx"])
    monkeypatch.setattr(cli, "app", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_help_imports_nothing_heavy():
    code = (
        "import sys; import orchestration.cli.main; "
        "print([name for name in ('duckdb', 'pyarrow', 'pyiceberg', 'pyspark', 'dbt', 'dlt', "
        "'dagster', 'pydantic', 'confluent_kafka', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
