"""Wrong surroundings: one clear sentence with a remedy, a non-zero exit, nothing lost."""

import multiprocessing
import os
import stat
import sys
from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings, load_settings
from orchestration import checkup as machine
from orchestration.cli import main as cli
from orchestration.warehouse import dbt
from orchestration.warehouse.store import Store


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["adx", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    captured = capsys.readouterr()
    return int(caught.value.code or 0), captured.err + captured.out


def is_a_sentence(text: str) -> bool:
    lines = text.splitlines()
    return (
        len(lines) == 2
        and lines[0].startswith("error: ")
        and lines[1].startswith("remedy: ")
        and "Traceback" not in text
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADX_ENVIRONMENT", "production-ish"),
        ("ADX_KAFKA_PARTITIONS", "none"),
        ("ADX_DUCKDB_THREADS", "0"),
        ("ADX_KAFKA_BOOTSTRAP", "localhost"),
        ("ADX_KAFKA_BOOTSTRAP", "127.0.0.1:19092,"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)
    code, text = run(monkeypatch, capsys, "pin")
    assert code == ExitCode.CONFIGURATION
    assert is_a_sentence(text)
    assert name in text


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("lake", "{folder}/lake"),
        ("~/lake/", "{folder}/lake"),
        ("/data/lake", "/data/lake"),
        ("s3://bucket/lake", "s3://bucket/lake"),
        ("", "{folder}/.adx/lake"),
    ],
)
def test_the_lake_is_one_place_whatever_the_working_folder(monkeypatch, tmp_path, url, found):
    """Every process reads the setting: `adx` where it is called, Dagster and dbt elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ADX_HOME", ".adx")
    monkeypatch.setenv("ADX_LAKE_URL", url)
    settings = load_settings()
    monkeypatch.chdir("/")
    assert settings.lake_root == found.format(folder=tmp_path)


def test_a_home_that_is_a_file_is_named(monkeypatch, capsys, tmp_path):
    home = tmp_path / "home"
    home.write_text("not a folder")
    monkeypatch.setenv("ADX_HOME", str(home))
    code, text = run(monkeypatch, capsys, "pin")
    assert code != 0
    assert is_a_sentence(text)
    assert str(home) in text


def _write_as_nobody(folder: Path, answer: multiprocessing.SimpleQueue) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        with Store(folder / "warehouse").lock("build"):
            answer.put(None)
    except OSError as error:
        answer.put((error.errno, error.filename))


def test_a_folder_without_rights_is_named(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    tmp_path.chmod(0o755)
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    process = context.Process(target=_write_as_nobody, args=(folder, answer))
    process.start()
    process.join(30)
    number, name = answer.get()

    def app() -> None:
        raise OSError(number, os.strerror(number), name)

    monkeypatch.setattr(cli, "app", app)
    code, text = run(monkeypatch, capsys)
    assert code == ExitCode.UNAVAILABLE
    assert is_a_sentence(text)
    assert "No right to use" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify",),
        ("reconcile",),
        ("report",),
        ("query", "select 1"),
        ("failed", "list"),
        ("publish",),
        ("pin",),
        ("build",),
    ],
)
def test_before_anything_is_landed_or_published_each_command_says_what_to_do(
    monkeypatch, capsys, tmp_path, arguments
):
    monkeypatch.setenv("ADX_HOME", str(tmp_path))
    code, text = run(monkeypatch, capsys, *arguments)
    assert code == ExitCode.CONFIGURATION
    assert is_a_sentence(text)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("advertisex: [unclosed", "cannot be read"),
        ("advertisex: {outputs: {elsewhere: {type: duckdb}}}", "has no target local"),
    ],
)
def test_a_bad_profile_is_a_problem_with_a_remedy(monkeypatch, tmp_path, content, words):
    if content is not None:
        (tmp_path / "profiles.yml").write_text(content)
    monkeypatch.setattr(machine, "PROJECT_ROOT", tmp_path)
    finding = next(
        one for one in machine.checkup(Settings(home=tmp_path)) if one.subject == "dbt profile"
    )
    assert not finding.ok
    assert words in finding.found
    assert finding.remedy


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("advertisex: {outputs: {elsewhere: {type: duckdb}}}", "does not have a target"),
        ("advertisex: [unclosed", "profile"),
    ],
)
def test_dbt_with_a_bad_profile_is_a_sentence(monkeypatch, tmp_path, content, words):
    (tmp_path / "profiles.yml").write_text(content)
    monkeypatch.setattr(dbt, "PROJECT_ROOT", tmp_path)
    with pytest.raises(AdxError, match=words) as caught:
        dbt.run(Settings(home=tmp_path), ["parse"], database=tmp_path / "x.duckdb", window=None)
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    assert "profiles.yml" in caught.value.remedy


def test_the_doctor_finds_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    usage = type("Usage", (), {"free": 1024**3})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    wrong = {one.subject: one for one in machine.checkup(Settings(home=tmp_path)) if not one.ok}
    assert set(wrong) == {"Java", "Maven", "make", "disk"}
    assert all(one.remedy for one in wrong.values())
    assert all(one.exit_code is ExitCode.CONFIGURATION for one in wrong.values())


def test_the_doctor_is_content_with_a_machine_that_has_all(tmp_path):
    findings = machine.checkup(Settings(home=tmp_path, kafka_bootstrap="127.0.0.1:1"))
    assert [one for one in findings if not one.ok] == []
