"""Publishing: one link is replaced, and readers never notice."""

import subprocess
import sys

import duckdb
import pytest

from ingestion.errors import AdxError, ExitCode
from orchestration.warehouse.publish import publish
from orchestration.warehouse.store import FILE_NAME, Manifest, Store

# Opens the published file again and again until its standard input closes; prints the opens and
# the errors, and for each open checks that both tables are of the same build.
READER = """
import select, sys
import duckdb

opens = errors = 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        with duckdb.connect(sys.argv[1], read_only=True) as connection:
            one, two = connection.execute(
                "select (select n from a), (select n from b)"
            ).fetchone()
            if one != two:
                raise ValueError("two builds in one read")
        opens += 1
    except (duckdb.Error, ValueError) as error:
        print(error, file=sys.stderr)
        errors += 1
print(opens, errors)
"""


def hand_made_build(store: Store, number: int) -> None:
    """A build whose file holds its number in two tables."""
    with store.lock("build"):
        build_id = store.next_id(number)
        folder = store.start()
        with duckdb.connect(str(folder / FILE_NAME)) as connection:
            connection.execute(f"create table a as select {number} as n")
            connection.execute(f"create table b as select {number} as n")
            connection.execute("create schema meta")
            connection.execute(
                f"create table meta.build as select '{build_id}' as build_id, {number} as pin"
            )
            connection.execute("checkpoint")
        store.accept(
            Manifest(
                build_id=build_id,
                pin=number,
                previous_pin=None,
                code="",
                full_refresh=True,
                started_at="",
                finished_at="",
                models=2,
                tests=0,
                rows=2,
            )
        )


@pytest.mark.slow
def test_a_reader_meets_no_error_while_builds_are_swapped(world, settings):
    store = Store(settings.warehouse)
    hand_made_build(store, 1)
    publish(settings)
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(store.current_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout.readline() == "ready\n"
        for number in range(2, 22):
            hand_made_build(store, number)
            assert publish(settings).status == "published"
        output, _ = reader.communicate("done\n", timeout=600)
    opens, errors = (int(word) for word in output.split())
    assert errors == 0
    assert opens >= 20
    assert len(store.passed()) == settings.kept_builds


def test_a_publish_goes_forward_only(world, settings):
    for number in (1, 2):
        hand_made_build(Store(settings.warehouse), number)
        publish(settings)
    with pytest.raises(AdxError, match="older than b000002-pin2") as caught:
        publish(settings, "b000001-pin1")
    assert "adx rollback --to b000001-pin1" in caught.value.remedy


def test_a_file_that_was_written_after_the_build_is_refused(world, settings):
    store = Store(settings.warehouse)
    hand_made_build(store, 1)
    (store.passed()[0].folder / f"{FILE_NAME}.wal").write_bytes(b"log")
    with pytest.raises(AdxError, match="not checkpointed"):
        publish(settings)
    assert store.current() is None


def test_an_unknown_build_is_named(world, settings):
    with pytest.raises(AdxError) as caught:
        publish(settings, "b000009-pin9")
    assert caught.value.exit_code is ExitCode.USAGE
