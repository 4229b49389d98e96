"""Landing the campaigns database: cursor, boundary rows, deletes, failed rows, wrong sources."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.sources import campaigns
from ingestion.sources.report import LandingReport, TableReport

pytestmark = pytest.mark.slow

TABLES = ("campaigns.",)
T1 = "2026-03-01T10:00:00.000000Z"
T2 = "2026-03-02T10:00:00.000000Z"
POLL = datetime(2026, 3, 3, 12, tzinfo=UTC)


def land(settings, *tables, **more):
    """Land the tables that a test is about; all twelve take a second."""
    return campaigns.land(settings, tables=tables or ("advertisers",), **more)


def table(report: LandingReport, name: str) -> TableReport:
    return next(found for found in report.tables if found.table == f"campaigns.{name}")


def at_poll():
    return POLL


def versions(raw, name="campaigns.advertisers", key="advertiser_id"):
    return [(row[key], row["name"], row["_is_deleted"]) for row in raw(name)]


def test_first_landing_takes_every_row_and_a_second_one_nothing(settings, database, raw):
    database.put("advertisers", T1, advertiser_id="a1", name="one")
    database.put("line_items", T1, line_item_id="l1")

    first = campaigns.land(settings)
    second = campaigns.land(settings)

    assert (table(first, "advertisers").read, table(first, "advertisers").loaded) == (1, 1)
    assert table(first, "line_items").loaded == 1
    assert sum(found.read for found in second.tables) == 0
    assert sum(found.commits for found in second.tables) == 0
    assert versions(raw) == [("a1", "one", False)]
    assert first.exit_code == ExitCode.OK


def test_a_changed_row_is_a_new_version(settings, database, raw):
    database.put("advertisers", T1, advertiser_id="a1", name="one")
    land(settings)
    database.put("advertisers", T2, advertiser_id="a1", name="two")
    land(settings)
    assert versions(raw) == [("a1", "one", False), ("a1", "two", False)]


def test_a_row_committed_later_with_the_cursors_own_timestamp_is_not_missed(
    settings, database, raw
):
    database.put("advertisers", T1, advertiser_id="a1", name="one")
    land(settings)
    database.put("advertisers", T1, advertiser_id="a2", name="late")
    database.put("advertisers", T1, advertiser_id="a1", name="same time, other content")
    report = land(settings)
    assert versions(raw) == [
        ("a1", "one", False),
        ("a1", "same time, other content", False),
        ("a2", "late", False),
    ]
    assert table(report, "advertisers").read == 2


def test_a_row_committed_late_with_an_old_timestamp_is_not_missed(settings, database, raw):
    database.put("advertisers", T2, advertiser_id="a2", name="newer")
    land(settings)
    database.put("advertisers", T1, advertiser_id="a1", name="long transaction")
    land(settings)
    assert ("a1", "long transaction", False) in versions(raw)


def test_a_vanished_key_gives_one_deleted_row_and_a_new_one_is_a_new_version(
    settings, database, raw
):
    database.put("advertisers", T1, advertiser_id="a1", name="one")
    database.put("advertisers", T1, advertiser_id="a2", name="two")
    land(settings)
    database.execute("delete from advertisers where advertiser_id = 'a1'")
    report = land(settings, clock=at_poll)
    land(settings, clock=at_poll)
    assert table(report, "advertisers").loaded == 1
    gone = [row for row in raw("campaigns.advertisers") if row["_is_deleted"]]
    assert [(row["advertiser_id"], row["updated_at"], row["name"]) for row in gone] == [
        ("a1", POLL, None)
    ]
    database.put("advertisers", T1, advertiser_id="a1", name="one")
    land(settings)
    land(settings)
    assert versions(raw)[-1] == ("a1", "one", False)
    assert len(versions(raw)) == 4


def test_a_deletion_follows_the_version_it_ends_where_the_clocks_disagree(settings, database, raw):
    database.put("advertisers", "2026-03-05T00:00:00.000000Z", advertiser_id="a1")
    land(settings)
    database.execute("delete from advertisers")
    land(settings, clock=at_poll)
    assert raw("campaigns.advertisers")[-1]["updated_at"] == datetime(
        2026, 3, 5, 0, 0, 0, 1, tzinfo=UTC
    )


def test_keys_that_are_personal_are_compared_by_their_pseudonyms(settings, database, raw):
    database.put("user_profiles", T1, user_id="u1", email="one@example.com")
    database.put("user_profiles", T1, user_id="u2")
    database.put("user_identities", T1, user_id="u1", account_id="k1")
    land(settings, "user_profiles", "user_identities")
    database.execute("delete from user_profiles where user_id = 'u1'")
    report = land(settings, "user_profiles", "user_identities")
    rows = raw("campaigns.user_profiles")
    assert [row["_is_deleted"] for row in rows] == [False, False, True]
    assert table(report, "user_identities").read == 0
    assert "u1" not in {row["user_id"] for row in rows}
    assert rows[2]["user_id"] in {rows[0]["user_id"], rows[1]["user_id"]}


def test_a_date_in_a_composite_key_is_compared_too(settings, database, raw):
    for day in ("2026-03-01", "2026-03-02"):
        database.put("third_party_reports", T1, report_date=day, line_item_id="l1", reporter="x")
    land(settings, "third_party_reports")
    assert table(land(settings, "third_party_reports"), "third_party_reports").read == 0
    database.execute("delete from third_party_reports where report_date = '2026-03-01'")
    land(settings, "third_party_reports")
    gone = raw("campaigns.third_party_reports")[-1]
    assert (gone["_is_deleted"], str(gone["report_date"])) == (True, "2026-03-01")


def test_a_row_that_breaks_its_contract_fails_once_and_its_key_is_not_deleted(
    settings, database, raw
):
    database.put("line_items", T1, line_item_id="l1")
    database.put("line_items", T1, line_item_id="l2", rate_micros="not a number")
    database.put("line_items", T1, line_item_id="l3", pricing_model="CPX")
    first = land(settings, "line_items")
    second = land(settings, "line_items")
    assert table(first, "line_items").failed_by_reason == {"schema": 1, "contract": 1}
    assert table(second, "line_items").read == 0
    assert len(raw("campaigns.line_items", rows="failed")) == 2
    database.put("line_items", T2, line_item_id="l1", status="now broken", rate_micros=-1)
    land(settings, "line_items")
    assert not any(row["_is_deleted"] for row in raw("campaigns.line_items"))
    assert len(raw("campaigns.line_items", rows="failed")) == 3


def test_an_unknown_column_is_drift_and_the_row_is_good(settings, database):
    database.execute("alter table publishers add column tier text")
    database.execute("insert into publishers values ('p1', 'P', 'p.example', ?, 'gold')", T1)
    report = land(settings, "publishers")
    assert (table(report, "publishers").loaded, table(report, "publishers").drift) == (1, 1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("drop table sites", "has no table sites"),
        ("alter table sites drop column kind", "has no column kind in sites"),
    ],
)
def test_a_changed_table_is_one_problem_and_the_others_are_landed(
    settings, database, raw, change, expected
):
    database.put("advertisers", T1, advertiser_id="a1")
    database.execute(change)
    report = land(settings, "advertisers", "sites")
    assert [expected in problem.message for problem in report.problems] == [True]
    assert report.exit_code == ExitCode.DATA
    assert len(raw("campaigns.advertisers")) == 1


def test_a_column_of_another_type_is_a_problem(settings, database):
    database.execute("alter table creatives drop column duration_ms")
    database.execute("alter table creatives add column duration_ms text")
    report = land(settings, "creatives")
    assert "creatives.duration_ms as TEXT, not as int" in report.problems[0].message


def test_a_missing_database_is_one_sentence(settings):
    with pytest.raises(AdxError, match=r"no campaigns database at .*campaigns\.db") as error:
        land(settings)
    assert error.value.exit_code == ExitCode.UNAVAILABLE


def test_a_locked_database_is_one_sentence_and_nothing_is_lost(settings, database, monkeypatch):
    monkeypatch.setattr("ingestion.sources.campaigns.database._BUSY_SECONDS", 0.1)
    database.put("advertisers", T1, advertiser_id="a1")
    with closing(sqlite3.connect(database.path)) as writer:
        writer.execute("begin exclusive")
        with pytest.raises(AdxError, match="locked by a writer") as error:
            land(settings)
    assert error.value.exit_code == ExitCode.BUSY
    assert table(land(settings), "advertisers").loaded == 1


def test_a_file_that_is_no_database_is_one_sentence(settings):
    settings.world.mkdir(parents=True)
    (settings.world / "campaigns.db").write_bytes(b"no database" * 100)
    with pytest.raises(AdxError, match="cannot be read: file is not a database"):
        land(settings)


def test_each_landing_leaves_its_counts_in_the_ledger(settings, database):
    database.put("advertisers", T1, advertiser_id="a1")
    land(settings)
    rows = Lake.open(settings).read_ops("run_ledger").to_pylist()
    assert [(row["subject"], row["read"], row["loaded"]) for row in rows] == [
        ("campaigns.advertisers", 1, 1)
    ]
