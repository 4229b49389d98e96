"""Crunchbase: the client, the stand-in server, and landings from it and from an API that lies."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import requests

from ingestion.adworld import create_world
from ingestion.adworld.companies import shown
from ingestion.adworld.config import read_config
from ingestion.adworld.crunchbase_server import KEY, serve_crunchbase
from ingestion.adworld.key.organizations import organization_balance
from ingestion.adworld.ledger import Ledger
from ingestion.adworld.loopback import JsonHandler, serving
from ingestion.adworld.state import WorldState, write_state
from ingestion.contracts import load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.landing.strict import judge_json
from ingestion.settings import Settings, load_settings
from ingestion.sources import crunchbase
from ingestion.sources.crunchbase import api, client, shape
from ingestion.sources.crunchbase.__main__ import main
from ingestion.sources.crunchbase.api import Api
from ingestion.sources.crunchbase.client import Client
from ingestion.sources.crunchbase.pace import Pace

TABLES = ("crunchbase.",)
USER_KEY = "k3y-of-a-user"
DAYS = 3

Rows = list[dict[str, Any]]


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


# ---------------------------------------------------------------- an API that a test scripts


class Scripted:
    """Answers what a test says: status, headers, body; and remembers what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.respond: Callable[[str, Any], Any] | None = None
        self.asked: list[tuple[str, Any, dict[str, str]]] = []

    def say(self, status: int, document: Any = None, **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answers.append((status, names, body))


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0.001)
    script = Scripted()

    class Handler(JsonHandler):
        def respond(self, body: bytes) -> None:
            asked = json.loads(body) if body else None
            script.asked.append((self.path, asked, dict(self.headers)))
            if script.answers:
                status, headers, content = script.answers.pop(0)
            else:
                assert script.respond is not None
                document = script.respond(self.path, asked)
                status, headers, content = 200, {}, json.dumps(document).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving("scripted", Handler, 0) as script.url:
        yield script


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def calls(scripted: Scripted, slept: list[float]) -> Api:
    pace = Pace(200, sleep=slept.append)
    return Api(Client(f"{scripted.url}/api/v4", USER_KEY, pace), lambda _: None)


def page(*numbers: int, count: int | None = None) -> dict[str, Any]:
    entities = [{"uuid": uuid(n), "properties": {}} for n in numbers]
    return {"count": len(numbers) if count is None else count, "entities": entities}


def search(calls: Api) -> list[Any]:
    return calls.search("organizations", ["identifier"], None)


def failure(calls: Api) -> AdxError:
    with pytest.raises(AdxError) as caught:
        search(calls)
    assert USER_KEY not in f"{caught.value}{caught.value!r}"
    return caught.value


# ---------------------------------------------------------------- refusals, retries, pace


@pytest.mark.parametrize(
    ("status", "said", "exit_code"),
    [
        (400, ("refused the request as malformed (400 MD400", "Compare the fields"), ExitCode.DATA),
        (401, ("does not know the key", "ADX_CRUNCHBASE_KEY"), ExitCode.CONFIGURATION),
        (403, ("does not allow this with the key's licence", "licence"), ExitCode.CONFIGURATION),
        (404, ("nothing under this address", "ADX_CRUNCHBASE_URL"), ExitCode.CONFIGURATION),
        (426, ("HTTPS", "https://"), ExitCode.CONFIGURATION),
        (418, ("refused the request", "ADX_CRUNCHBASE_URL"), ExitCode.UNAVAILABLE),
        (302, ("refused the request", "ADX_CRUNCHBASE_URL"), ExitCode.UNAVAILABLE),
    ],
)
def test_a_refusal_is_named_and_not_asked_again(scripted, calls, status, said, exit_code):
    words, remedy = said
    answer = [{"code": f"MD{status}", "message": f"you sent {USER_KEY}"}]
    scripted.say(status, answer, Location="http://elsewhere.example/")
    error = failure(calls)
    assert words in error.message
    assert remedy in error.remedy
    assert error.exit_code == exit_code
    assert len(scripted.asked) == 1


def test_the_key_travels_in_a_header_only(scripted, calls):
    scripted.say(200, page())
    search(calls)
    path, body, headers = scripted.asked[0]
    assert headers["X-cb-user-key"] == USER_KEY
    assert USER_KEY not in path + json.dumps(body)


def test_rate_limits_and_outages_are_waited_out(scripted, calls, slept):
    scripted.say(429, Retry_After="7")
    scripted.say(503)
    scripted.say(429, Retry_After="Sat, 01 Jan 2000 00:00:00 GMT")
    scripted.say(429, Retry_After="soon")
    scripted.say(500)
    scripted.say(429, Retry_After="86400")
    scripted.say(200, page(1))
    assert len(search(calls)) == 1
    assert slept == [7.0, 0.002, 0.0, 0.008, 0.016, 60.0]


def test_an_answer_that_breaks_off_is_asked_for_again(scripted, calls):
    scripted.say(200, b'{"count": 1, "ent', Content_Length="400")
    scripted.say(200, page(1))
    assert len(search(calls)) == 1


@pytest.mark.parametrize(
    ("status", "words"), [(503, "answered 503"), (429, "answered 429 Too Many Requests")]
)
def test_trouble_that_stays_is_one_sentence_after_a_bounded_number_of_tries(
    scripted, calls, slept, status, words
):
    for _ in range(20):
        scripted.say(status)
    error = failure(calls)
    assert words in error.message
    assert error.exit_code == ExitCode.UNAVAILABLE
    assert (len(scripted.asked), len(slept)) == (client.MAX_ATTEMPTS, client.MAX_ATTEMPTS - 1)


def test_an_api_that_is_down_is_one_sentence(slept):
    calls = Api(Client("http://127.0.0.1:9", USER_KEY, Pace(200, sleep=slept.append)), print)
    error = failure(calls)
    assert "cannot be reached: ConnectionError" in error.message
    assert error.exit_code == ExitCode.UNAVAILABLE


def test_the_key_is_not_sent_in_clear_text_over_a_network():
    with pytest.raises(AdxError, match=r"api\.example' without HTTPS") as caught:
        Client("http://api.example/api/v4", USER_KEY, Pace(1))
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_calls_keep_below_the_limit_of_any_minute():
    now, made = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(3, clock=lambda: now[0], sleep=sleep)
    for pause in (0, 10, 10, 0, 0, 100, 0):
        now[0] += pause
        pace.wait()
        made.append(now[0])
    assert made == [0, 10, 20, 60, 70, 170, 170]


# ---------------------------------------------------------------- pages


def test_pages_are_followed_by_the_last_uuid(scripted, calls, monkeypatch):
    monkeypatch.setattr(api, "LIMIT", 2)
    for numbers in ((1, 2), (3, 4), ()):
        scripted.say(200, page(*numbers, count=4))
    assert [entity["uuid"] for entity in search(calls)] == [uuid(n) for n in (1, 2, 3, 4)]
    cursors = [body.get("after_id") for _, body, _ in scripted.asked]
    assert cursors == [None, uuid(2), uuid(4)]
    assert scripted.asked[0][1]["limit"] == 2


def test_a_count_that_moves_while_pages_are_read_is_no_lie(scripted, calls, monkeypatch):
    monkeypatch.setattr(api, "LIMIT", 2)
    scripted.say(200, page(1, 2, count=3))
    scripted.say(200, page(3, count=4))
    assert len(search(calls)) == 3


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([page(1, 2, count=5), page(3, count=5)], "has 5 records, but sends 3"),
        ([page(1, 2, count=2), page(3, count=2)], "has 2 records, but sends 3"),
        ([page(count=1)], "has 1 records, but sends 0"),
        ([page(1, 2, count=9), page(1, 2, count=9)], f"record {uuid(1)} of searches/organizations"),
        ([page(1, 2, count=9), page(2, 1, count=9)], "twice: its cursor repeats itself"),
        ([page(1, 1, count=2)], "twice"),
        ([page(1, 2, 3, count=3)], "no page"),
        ([{"count": 2, "entities": [{"uuid": uuid(1)}, {"uuid": "x"}]}], "no uuid, no cursor"),
        ([{"count": 1, "entities": {"uuid": uuid(1)}}], "no page"),
        ([{"count": "1", "entities": []}], "no page"),
        ([{"count": True, "entities": []}], "no page"),
        ([{"entities": []}], "no page"),
        ([[]], "no page"),
        ([None], "no page"),
    ],
)
def test_pages_that_cannot_be_right_are_named(scripted, calls, monkeypatch, pages, words):
    monkeypatch.setattr(api, "LIMIT", 2)
    for document in pages:
        scripted.say(200, document)
    error = failure(calls)
    assert words in error.message
    assert "nothing was landed from it" in error.message
    assert error.exit_code == ExitCode.DATA


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        b'{"count": NaN, "entities": []}',
        b'{"count": 0, "count": 0, "entities": []}',
        b'{"count": 0, "entities": []} x',
        b"\xff{}",
        b"[" * 100_000,
        b'{"count": ' + b"1" * 5_000 + b"}",
    ],
)
def test_an_answer_that_is_no_document_is_named(scripted, calls, body):
    scripted.say(200, body)
    error = failure(calls)
    assert "no JSON document" in error.message
    assert error.exit_code == ExitCode.DATA


def test_deleted_entities_have_no_count_but_pages(scripted, calls, monkeypatch):
    monkeypatch.setattr(api, "LIMIT", 1)
    deleted = {"uuid": uuid(1), "entity_def_id": "person", "deleted_at": "2026-03-28T00:00:00Z"}
    scripted.say(200, [deleted])
    scripted.say(200, [])
    assert calls.deleted(["organizations", "people"]) == [deleted]
    assert "collection_ids=organizations%2Cpeople" in scripted.asked[0][0]
    scripted.say(200, {"entities": []})
    with pytest.raises(AdxError, match="no page to deleted_entities"):
        calls.deleted(["people"])


# ---------------------------------------------------------------- shapes


def verdict(table: str, entity: str) -> Any:
    contract = load_contract("crunchbase", table)
    return judge_json(contract, shape.record_of(contract, client.parse(entity.encode(), "test")))


def a_round(money: str, more: str = "") -> str:
    identifier = f'{{"uuid": "{uuid(2)}"}}'
    return (
        f'{{"uuid": "{uuid(1)}", "properties": {{"identifier": {identifier}, '
        f'"funded_organization_identifier": {identifier}, "updated_at": "2026-03-28T00:00:00Z", '
        f'"money_raised": {money}{more}}}}}'
    )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("90071992547409.931", "90071992547409.931"),
        ("0.1", "0.1"),
        ("1.25E7", "12500000"),
        ("5e-9", "0.000000005"),
        ("12345678901234567890123456789", "12345678901234567890123456789"),
        ("-1", "-1"),
        ('"17.5"', "17.5"),
    ],
)
def test_money_is_kept_to_the_last_digit(sent, kept):
    found = verdict("funding_rounds", a_round(f'{{"value": {sent}, "currency": "EUR"}}'))
    assert found.failure is None
    assert found.values["money_raised"]["value"] == Decimal(kept)


@pytest.mark.parametrize(
    ("money", "reason"),
    [
        ('{"value": 1e999999999, "currency": "EUR"}', "schema"),
        ('{"value": 0.0000000001, "currency": "EUR"}', "contract"),
        ('{"value": true, "currency": "EUR"}', "schema"),
        ('{"value": 1, "currency": "EURO"}', "contract"),
        ('{"value": 1}', "schema"),
        ("17", "schema"),
        ("[17]", "schema"),
    ],
)
def test_money_without_the_documented_shape_fails(money, reason):
    assert verdict("funding_rounds", a_round(money)).failure.reason == reason


def test_lists_of_identifiers_become_texts_in_one_order():
    investors = '[{"uuid": "b", "permalink": "x"}, {"uuid": "a", "permalink": "y"}]'
    contract = load_contract("crunchbase", "funding_rounds")
    text = a_round("null", f', "investor_identifiers": {investors}')
    record = json.loads(shape.record_of(contract, json.loads(text)))
    assert record["investor_identifiers"] == "a|b"
    odd = a_round("null", ', "investor_identifiers": [{"uuid": "a|b"}]')
    assert verdict("funding_rounds", odd).failure.reason == "schema"


@pytest.mark.parametrize(
    "entity",
    [
        "17",
        '"text"',
        "[]",
        "{}",
        f'{{"uuid": "{uuid(1)}"}}',
        f'{{"uuid": "{uuid(1)}", "properties": 3}}',
    ],
)
def test_an_entity_of_another_shape_fails(entity):
    assert verdict("people", entity).failure.reason == "schema"


# ---------------------------------------------------------------- the stand-in server


@pytest.fixture
def world(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    create_world(settings.world, seed=7, scale=3_000, days=DAYS)
    played(settings, 1)
    return settings


def played(settings: Settings, day: int) -> None:
    """As far as Crunchbase is concerned, that is all that playing a day does."""
    write_state(settings.world, WorldState(played=day))


@pytest.fixture
def standing(world: Settings) -> Iterator[Settings]:
    """Settings that name a stand-in without planted failures."""
    with serve_crunchbase(world.world, failures=False) as (url, key):
        yield Settings(home=world.home, crunchbase_url=url, crunchbase_key=key)


def ask(settings: Settings, path: str, document: Any = None, key: str = KEY) -> tuple[int, Any]:
    method = "GET" if document is None else "POST"
    url = f"{settings.crunchbase_url}/{path}"
    answer = requests.request(
        method, url, json=document, headers={"X-cb-user-key": key}, timeout=10
    )
    return answer.status_code, answer.json()


def test_the_stand_in_wants_a_key_and_correct_requests(standing):
    query = {"field_ids": ["identifier"], "query": [], "limit": 3}
    for status, path, document in (
        (400, "searches/organizations", {**query, "field_ids": ["no_such_field"]}),
        (400, "searches/organizations", {**query, "field_ids": []}),
        (400, "searches/organizations", {**query, "limit": 1_001}),
        (400, "searches/organizations", {**query, "after_id": uuid(1)}),
        (400, "searches/no_collection", query),
        (400, "autocompletes?query=a&limit=26", None),
        (404, "entities/organizations/nobody", None),
        (404, "no/such/path", None),
    ):
        found, errors = ask(standing, path, document)
        assert (found, errors[0]["code"]) == (status, f"MD{status}"), path
    assert ask(standing, "deleted_entities", key="wrong")[0] == HTTPStatus.UNAUTHORIZED
    _, answer = ask(standing, "searches/organizations", query)
    assert answer["count"] > len(answer["entities"]) == 3
    assert set(answer["entities"][0]) == {"uuid", "properties"}
    assert set(answer["entities"][0]["properties"]) == {"identifier"}


def test_the_stand_in_keeps_a_rate_limit(world):
    with serve_crunchbase(world.world, failures=False, calls_per_minute=2) as (url, key):
        headers = {"X-cb-user-key": key}
        asked = [
            requests.get(f"{url}/deleted_entities", headers=headers, timeout=10) for _ in range(3)
        ]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert asked[2].headers["Retry-After"] == "1"


# ---------------------------------------------------------------- landings


def counted(raw: Callable[..., Rows]) -> Counter[tuple[str, str | None, bool]]:
    """Rows of the lake by table, reason of failure and drift."""
    return Counter(
        (f"crunchbase.{table}", (row["_error"] or {}).get("reason"), row["_extras"] is not None)
        for table in (
            "organizations",
            "funding_rounds",
            "acquisitions",
            "people",
            "deleted_entities",
        )
        for row in raw(f"crunchbase.{table}")
    )


def expected(settings: Settings, day: int) -> Counter[tuple[str, str | None, bool]]:
    config = read_config(settings.world)
    return Counter(organization_balance(Ledger(config, day, [], [])))


def test_three_days_are_landed_as_the_key_says_and_nothing_twice(world, raw, monkeypatch):
    """From the stand-in that a landing starts for itself, with the planted failures."""
    monkeypatch.setattr(api, "LIMIT", 7)
    for day in range(1, DAYS + 1):
        played(world, day)
        report = crunchbase.land(world)
        assert report.exit_code == ExitCode.OK
        assert counted(raw) == expected(world, day)
    again = crunchbase.land(world)
    assert sum(table.commits for table in again.tables) == 0
    assert sum(table.unchanged for table in again.tables) > 0
    assert counted(raw) == expected(world, DAYS)

    (exact,) = {
        row["price"]["value"]
        for row in raw("crunchbase.acquisitions", "good")
        if row["price"] and row["price"]["currency"] == "INR"
    }
    assert exact == Decimal("90071992547409.931")
    assert {row["entity_def_id"] for row in raw("crunchbase.deleted_entities", "good")} == {
        "organization",
        "funding_round",
        "person",
    }
    ledger = Lake.open(world).read_ops("run_ledger").to_pylist()
    assert sum(row["loaded"] for row in ledger) == sum(
        count for (_, reason, _), count in expected(world, DAYS).items() if reason is None
    )
    names = {change.properties["identifier"]["value"] for change in people(world)}
    kept = json.dumps([row["identifier"] for row in raw("crunchbase.people", "good")])
    assert not any(name in kept for name in names)


def people(settings: Settings) -> list[Any]:
    known = shown(read_config(settings.world), 1)["people"].values()
    return [change for change in known if change.bad is None]


def test_a_landing_asks_for_what_was_changed_since_the_one_before(scripted, tmp_path):
    empty: dict[str, Any] = {"count": 0, "entities": []}

    def respond(path: str, asked: Any) -> Any:
        if "deleted_entities" in path:
            return []
        if "organizations" not in path or asked["query"]:
            return empty
        return {"count": 2, "entities": [organization(1), organization(2, "2098-01-01T00:00:00Z")]}

    scripted.respond = respond
    settings = Settings(
        home=tmp_path / "home", crunchbase_url=scripted.url, crunchbase_key=USER_KEY
    )
    crunchbase.land(settings)
    first = [asked["query"] for path, asked, _ in scripted.asked if "searches" in path]
    assert first == [[], [], [], []]
    scripted.asked.clear()
    crunchbase.land(settings)
    queries = [
        asked["query"] for path, asked, _ in scripted.asked if path.endswith("organizations")
    ]
    (predicate,) = queries[0]
    assert (predicate["field_id"], predicate["operator_id"]) == ("updated_at", "gte")
    # never from the future, which would hide what is changed until then
    assert "2026-03-27" <= predicate["values"][0] < "2098"


def organization(number: int, updated_at: str = "2026-03-28T00:00:00Z", **more: Any) -> Any:
    identifier = {"uuid": uuid(number), "permalink": f"org-{number}", "value": f"Org {number}"}
    properties = {"identifier": identifier, "name": f"Org {number}", "updated_at": updated_at}
    return {"uuid": uuid(number), "properties": {**properties, **more}}


def test_a_collection_that_lies_is_not_landed_and_the_others_are(scripted, tmp_path, raw):
    def respond(path: str, asked: Any) -> Any:
        if "deleted_entities" in path:
            return [
                {"uuid": uuid(9), "entity_def_id": "person", "deleted_at": "2026-03-28T00:00:00Z"}
            ]
        if "organizations" in path:
            return {"count": 5, "entities": [organization(1), organization(2)]}
        return {"count": 0, "entities": []}

    scripted.respond = respond
    settings = Settings(
        home=tmp_path / "home", crunchbase_url=scripted.url, crunchbase_key=USER_KEY
    )
    report = crunchbase.land(settings)
    (problem,) = report.problems
    assert "says that searches/organizations has 5 records, but sends 2 of them" in problem.message
    assert report.exit_code == ExitCode.DATA
    assert raw("crunchbase.organizations") == []
    assert len(raw("crunchbase.deleted_entities")) == 1


def test_a_record_that_fails_is_landed_once_beside_the_good_ones(scripted, tmp_path, raw):
    entities = [organization(1), organization(2, rank_org="first"), organization(3)]

    def respond(path: str, asked: Any) -> Any:
        if "deleted_entities" in path:
            return []
        found = entities if "organizations" in path else []
        return {"count": len(found), "entities": found}

    scripted.respond = respond
    settings = Settings(
        home=tmp_path / "home", crunchbase_url=scripted.url, crunchbase_key=USER_KEY
    )
    table = crunchbase.land(settings).tables[0]
    assert (table.read, table.loaded, table.failed) == (3, 2, 1)
    assert table.failed_by_reason == {"schema": 1}
    table = crunchbase.land(settings).tables[0]
    assert (table.read, table.unchanged, table.commits) == (0, 3, 0)
    (failed,) = raw("crunchbase.organizations", "failed")
    assert failed["_error"]["field"] == "rank_org"


def test_single_organizations_are_landed_with_their_cards(standing, raw):
    changes = shown(read_config(standing.world), 1)["organizations"].values()
    ids = {change.properties["identifier"]["permalink"]: change.uuid for change in changes}
    report = crunchbase.land_specific(
        standing, ids=["advertiser-2", ids["house-2"].upper()], names=["brand-3", "  Advertiser 6 "]
    )
    assert report.problems == []
    found = {row["identifier"]["permalink"] for row in raw("crunchbase.organizations", "good")}
    assert found == {"advertiser-2", "house-2", "brand-3", "advertiser-6"}
    rounds = raw("crunchbase.funding_rounds", "good")
    raised = {row["funded_organization_identifier"]["permalink"] for row in rounds}
    assert raised == {"advertiser-2", "house-2", "brand-3", "advertiser-6"}
    assert len(raw("crunchbase.acquisitions", "good")) == 1
    again = crunchbase.land_specific(standing, ids=["advertiser-2"])
    assert sum(table.commits for table in again.tables) == 0
    # a full landing afterwards finds them unchanged, and all others
    full = crunchbase.land(standing)
    assert full.tables[0].unchanged == 4
    assert counted(raw) == expected(standing, 1)


def test_an_organization_that_is_not_found_is_named_and_the_others_are_landed(standing, raw):
    report = crunchbase.land_specific(
        standing, ids=["nobody", "house-1"], names=["House", "zzz", "Advertiser"]
    )
    assert [problem.message for problem in report.problems] == [
        "Crunchbase knows no organisation 'nobody'.",
        (
            "Crunchbase knows no organisation named 'House'; there are house-1, house-2, house-3, "
            "house-4."
        ),
        "Crunchbase knows no organisation named 'zzz'.",
        (
            "Crunchbase knows no organisation named 'Advertiser'; there are "
            "brand-1, advertiser-2, brand-3, advertiser-5, advertiser-6."
        ),
    ]
    assert all(problem.remedy for problem in report.problems)
    assert report.exit_code == ExitCode.USAGE
    assert len(raw("crunchbase.organizations", "good")) == 1


def test_a_card_is_read_beyond_its_first_records(standing, raw, monkeypatch):
    monkeypatch.setattr(api, "CARD_LIMIT", 2)
    monkeypatch.setattr("ingestion.adworld.crunchbase_server.CARD_LIMIT", 2)
    crunchbase.land_specific(standing, ids=["house-2"])
    wanted = [
        change
        for change in shown(read_config(standing.world), 1)["people"].values()
        if (change.properties["primary_organization"] or {}).get("permalink") == "house-2"
    ]
    assert len(raw("crunchbase.people")) == len(wanted)


# ---------------------------------------------------------------- access


def test_without_access_a_landing_on_its_own_says_so(tmp_path):
    for settings in (
        Settings(home=tmp_path),
        Settings(home=tmp_path, crunchbase_url="https://api.example/v4"),
    ):
        with pytest.raises(AdxError, match="ADX_CRUNCHBASE_KEY is not set") as caught:
            crunchbase.land(settings)
        assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert not crunchbase.is_configured(Settings(home=tmp_path))
    assert crunchbase.is_configured(Settings(home=tmp_path, crunchbase_key=USER_KEY))


def test_a_wrong_key_stops_the_landing(standing):
    wrong = standing.model_copy(
        update={"crunchbase_key": Settings(crunchbase_key="x").crunchbase_key}
    )
    with pytest.raises(AdxError, match="401 LA401") as caught:
        crunchbase.land(wrong)
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_settings_never_show_the_key(tmp_path, monkeypatch):
    settings = Settings(home=tmp_path, crunchbase_key=USER_KEY)
    assert USER_KEY not in f"{settings!r} {settings} {settings.model_dump_json()}"
    monkeypatch.setattr("ingestion.settings.PROJECT_ROOT", tmp_path)
    (tmp_path / ".env").write_text(f"ADX_CRUNCHBASE_KEYS={USER_KEY}\n")
    with pytest.raises(AdxError, match="ADX_CRUNCHBASE_KEYS") as caught:
        load_settings()
    assert USER_KEY not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize(
    "arguments", [["--mode", "specific"], ["--id", "x"], ["--mode", "full", "--name", "x"]]
)
def test_a_wrong_command_line_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == ExitCode.USAGE
    assert "--mode specific" in capsys.readouterr().err


def test_both_modes_run_from_a_terminal(standing, monkeypatch, capsys):
    monkeypatch.setenv("ADX_HOME", str(standing.home))
    monkeypatch.setenv("ADX_CRUNCHBASE_URL", str(standing.crunchbase_url))
    monkeypatch.setenv("ADX_CRUNCHBASE_KEY", KEY)
    assert main(["--mode", "specific", "--id", "house-1", "--id", "nobody"]) == ExitCode.USAGE
    shown_report, errors = capsys.readouterr()
    assert json.loads(shown_report)["tables"][0]["loaded"] == 1
    assert "no organisation 'nobody'" in errors
    assert main(["--mode", "full"]) == ExitCode.OK
    done = subprocess.run(
        [sys.executable, "-m", "ingestion.sources.crunchbase", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--mode {full,specific}" in done.stdout
