"""Requests made from an OpenAPI document: good ones, and good ones with one thing broken."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from urllib.parse import urlencode

_TEXTS = (
    "",
    "x",
    "é💡",
    "' or 1=1 --",
    "<script>",
    "../../etc/passwd",
    "%00",
    "${jndi:x}",
    "🙂" * 9,
)


@dataclass(frozen=True)
class HostileRequest:
    """One request.

    Attributes:
        kind: What was broken.
        field: The field that an answer of 400 has to name, if it is one.
    """

    kind: str
    method: str
    path: str
    body: bytes = b""
    query: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    client: tuple[str, int] | None = ("192.0.2.9", 5)
    field: str | None = None


def valid_request(document: Any, method: str, path: str, rng: Random) -> HostileRequest:
    """A request that the document allows."""
    operation = document["paths"][path][method]
    if method == "get":
        pairs = {
            each["name"]: _parameter(each["schema"], each["name"], rng)
            for each in operation["parameters"]
            if each.get("required") or rng.random() < 0.3
        }
        return HostileRequest("valid", "GET", path, query=urlencode(pairs).encode())
    one = _event(document, path, rng)
    made = one if rng.random() < 0.5 else [one, _event(document, path, rng)]
    return HostileRequest("valid", "POST", path, json.dumps(made).encode())


def hostile_requests(document: Any, count: int, rng: Random) -> Iterator[HostileRequest]:
    """Requests of which none may be accepted."""
    operations = [
        (method, path) for path, methods in document["paths"].items() for method in methods
    ]
    for _ in range(count):
        method, path = rng.choice(operations)
        request = valid_request(document, method, path, rng)
        if rng.random() < 0.1:
            yield _elsewhere(request, rng)
        elif method == "get":
            yield _bad_pixel(document, request, rng)
        else:
            yield _bad_event(document, request, rng)


def _elsewhere(request: HostileRequest, rng: Random) -> HostileRequest:
    paths = ("", "/", "/../", "//", "/%2e%2e", "/\udcff", "/x" * 500)
    choice = rng.randrange(3)
    if choice == 0:
        return replace(request, kind="path", path=request.path + rng.choice(paths[1:]))
    if choice == 1:
        others = {"GET": ("POST", "PUT", "HEAD", "X"), "POST": ("GET", "PUT", "DELETE", "\t")}
        return replace(request, kind="method", method=rng.choice(others[request.method]))
    return replace(request, kind="path", path="/v1/" + "".join(rng.choices("/.%aé\0", k=9)))


def _bad_pixel(document: Any, request: HostileRequest, rng: Random) -> HostileRequest:  # noqa: PLR0911
    parameters = document["paths"][request.path]["get"]["parameters"]
    payload = request.path.rpartition("/")[2]
    required = [each["name"] for each in parameters if each.get("required")]
    pairs = {
        each["name"]: _parameter(each["schema"], each["name"], rng)
        for each in parameters
        if each.get("required")
    }
    choice = rng.randrange(7)
    if choice == 0:
        gone = rng.choice(required)
        del pairs[gone]
        # without any member of it the whole object is missing
        outer, _, _ = gone.partition(".")
        left = any(name.startswith(f"{outer}.") for name in pairs)
        name = gone if "." not in gone or left else outer
        return _asked(request, "missing", pairs, f"{payload}.{name}")
    if choice == 1:
        name = rng.choice(("ip", "user_agent", "event_id", "seq", "x", "consent", "a.b", "é\0"))
        return _asked(request, "unknown", pairs | {name: "1"}, name)
    if choice == 2:
        name = rng.choice(required)
        query = urlencode([*pairs.items(), (name, "x")]).encode()
        return replace(request, kind="twice", query=query, field=name)
    if choice == 3:
        bounded = [
            each["name"]
            for each in parameters
            if "enum" in each["schema"] or each["schema"]["type"] in {"integer", "boolean"}
        ]
        if not bounded:
            return _asked(request, "nul", pairs | {required[0]: "\0"}, None)
        name = rng.choice(bounded)
        bad = rng.choice(("x", "1e5", "1.0", "+1", "٣", "9" * 30, "TRUE", " 1", "null", "{}"))
        return _asked(request, "value", pairs | {name: bad}, None)
    if choice == 4:
        return _asked(request, "nul", pairs | {rng.choice(required): "\0"}, None)
    if choice == 5:
        query = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200)))
        return replace(request, kind="bytes", query=query)
    client = rng.choice((None, ("", 0), ("::1%eth0", 1), ("300.1.1.1", 2), ("x" * 999, 3)))
    asked = _asked(request, "client", pairs, None)
    # only what carries an address has one that can be wrong
    return (
        replace(asked, client=client)
        if payload in {"impression", "click"}
        else replace(asked, query=b"=&=&&&;")
    )


def _asked(
    request: HostileRequest, kind: str, pairs: dict[str, Any], at: str | None
) -> HostileRequest:
    return replace(request, kind=kind, query=urlencode(pairs).encode(), field=at)


def _bad_event(document: Any, request: HostileRequest, rng: Random) -> HostileRequest:  # noqa: PLR0911
    schema = _schema_of(document, request.path)
    event = _event(document, request.path, rng)
    choice = rng.randrange(8)
    if choice == 0:
        body = json.dumps(event).encode()
        return replace(request, kind="cut", body=body[: rng.randrange(len(body))])
    if choice == 1:
        body = bytearray(json.dumps(event).encode())
        body[rng.randrange(len(body))] = rng.choice(b"\0\x01\xff\xc3")
        return replace(request, kind="bytes", body=bytes(body))
    if choice == 2:
        body = rng.choice(
            (
                b"",
                b"[]",
                b"null",
                b"0",
                b'""',
                b"[[]]",
                b"[,]",
                b"{}{}",
                b"[{}",
                b"NaN",
                b"\xff\xfe",
            )
        )
        return replace(request, kind="no event", body=body)
    if choice == 3:
        deep = rng.choice((b"[", b'{"a":', b'[{"a":'))
        return replace(request, kind="deep", body=deep * rng.choice((33, 2_000, 50_000)))
    if choice == 4:
        event["padding"] = "x" * rng.choice((262_144, 1_200_000))
        return replace(request, kind="long", body=json.dumps(event).encode())
    if choice == 5:
        minted = (
            "event_id"
            if "timestamp" in event
            else rng.choice(("event_id", "seq", "producer_id", "schema_version"))
        )
        event[minted] = rng.choice((1, None, "x"))
        return replace(request, kind="minted", body=json.dumps(event).encode(), field=minted)
    broken, at = _broken(schema, event, rng)
    body = json.dumps(rng.choice((broken, [event, broken]))).encode()
    return replace(request, kind="field", body=body, field=at)


def _broken(schema: Any, event: Any, rng: Random) -> tuple[Any, str]:
    """An event with one declared field that is missing, or of another type, or out of range."""
    broken = copy.deepcopy(event)
    places = list(_places(schema, broken, ""))
    node, name, rule, required, path = rng.choice(places)
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    choice = rng.random()
    if required and choice < 0.3:
        if rng.random() < 0.5:
            del node[name]
        else:
            node[name] = None
    elif choice < 0.5 and "enum" in rule:
        node[name] = "x'; drop table events"
    elif choice < 0.5 and "minimum" in rule:
        node[name] = rule["minimum"] - rng.randrange(1, 2**40)
    elif choice < 0.5 and "format" in rule:
        node[name] = rng.choice(
            ("", "2026-13-01T00:00:00Z", "1e3", "0x1", "٣", "NaN", "2026-01-01")
        )
    else:
        others = {
            "string": (1, 1.5, True, [], {}),
            "integer": ("1", 1.5, True, [], {}, 2**63, 10**40),
            "boolean": ("true", 0, [], {}),
            "object": ("{}", 1, True, []),
            "array": ("[]", 1, {}),
        }
        node[name] = rng.choice(others[kinds[0]])
    return broken, path


def _places(schema: Any, node: Any, prefix: str) -> Iterator[tuple[Any, str, Any, bool, str]]:
    for name, rule in schema["properties"].items():
        required = name in schema["required"]
        if name in node:
            yield node, name, rule, required, prefix + name
            if "properties" in rule and isinstance(node[name], dict):
                yield from _places(rule, node[name], f"{prefix}{name}.")


def _schema_of(document: Any, path: str) -> Any:
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    name = content["schema"]["oneOf"][0]["$ref"].rpartition("/")[2]
    return document["components"]["schemas"][name]


def _event(document: Any, path: str, rng: Random) -> Any:
    """An event that the schema allows, with the one payload that its type names."""
    schema = _schema_of(document, path)
    event = _value(schema, "", rng)
    kinds = schema["properties"].get("event_type", {}).get("enum", [])
    for kind in kinds:
        event.pop(kind, None)
    if kinds:
        chosen = event["event_type"]
        event[chosen] = _value(schema["properties"][chosen], chosen, rng)
    return event


def _value(schema: Any, name: str, rng: Random) -> Any:  # noqa: PLR0911
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = kinds[0]
    if kind == "object":
        return {
            each: _value(rule, each, rng)
            for each, rule in schema["properties"].items()
            if each in schema["required"] or rng.random() < 0.3
        }
    if "null" in kinds and rng.random() < 0.2:
        return None
    if kind == "integer":
        return schema.get("minimum", 0) + rng.randrange(1000)
    if kind == "boolean":
        return rng.random() < 0.5
    if "enum" in schema:
        return rng.choice([each for each in schema["enum"] if each is not None])
    if schema.get("format") == "date-time":
        return f"2026-03-{rng.randrange(1, 29):02}T10:00:00.{rng.randrange(1000):03}Z"
    if schema.get("format") == "decimal":
        return rng.choice(("0", "0.5", "1"))
    if name == "ip":
        return rng.choice(("192.0.2.1", "2001:db8::1"))
    if "maxLength" in schema:
        return "ABCDE"[: schema["maxLength"]]
    return rng.choice([text for text in _TEXTS if len(text) >= schema.get("minLength", 0)])


def _parameter(schema: Any, name: str, rng: Random) -> Any:
    found = _value(schema, name, rng)
    if isinstance(found, bool):
        return "true" if found else "false"
    # an empty parameter is none
    return found if found != "" else "x"
