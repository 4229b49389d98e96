"""What a new version of a contract may change, and what it may not.

A version stands beside the one before it, and rows of both lie in one table. So whatever a record
of the old version could say, the new version must be able to say in the same column: new optional
fields (also inside structs, union members and elements of arrays), new enum values, wider bounds
and required fields that become optional are allowed; everything else would make old rows
unreadable, or let one column mean two things, and needs a table of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ingestion.contracts.model import Contract, Field
from ingestion.contracts.schema import raw_schema
from ingestion.errors import AdxError, ExitCode

_WIDER_TYPES = {("enum", "str"), ("uuid", "str")}
"""Types that one column carries alike, the second with more values."""


@dataclass(frozen=True)
class Change:
    """One difference between a version and the one before it.

    Attributes:
        field: Dotted name of the field; empty for the table itself.
        what: What has changed.
        remedy: What to do instead; None for a change that is allowed.
    """

    field: str
    what: str
    remedy: str | None = None

    def __str__(self) -> str:
        return f"{self.field}: {self.what}" if self.field else self.what

    def error(self, contract: Contract) -> AdxError:
        """The error for a change that is not allowed."""
        return AdxError(
            f"Version {contract.version} of contract {contract.name} is refused: {self}.",
            remedy=self.remedy or "",
            exit_code=ExitCode.CONFIGURATION,
        )


def changes(contract: Contract) -> list[Change]:
    """What a version changes, allowed or not; nothing for version 1."""
    if contract.before is None:
        return []
    return list(_of_table(contract.before, contract))


def refused(contract: Contract) -> list[Change]:
    """The changes of a version that are not allowed."""
    return [change for change in changes(contract) if change.remedy is not None]


def _of_table(before: Contract, after: Contract) -> Iterator[Change]:
    same = {
        "the carrier": (before.carrier, after.carrier),
        "the key": (before.key, after.key),
        "the event time": (before.event_time, after.event_time),
        "the discriminator": (_discriminator(before), _discriminator(after)),
    }
    for what, (old, new) in same.items():
        if old != new:
            yield _no("", f"{what} was {old}, and would be {new}", after)
    if after.max_record_bytes != before.max_record_bytes:
        yield _bound(
            after,
            "",
            "x-max-bytes",
            (before.max_record_bytes, after.max_record_bytes),
            is_wider=after.max_record_bytes > before.max_record_bytes,
        )
    if after.one_of != before.one_of:
        yield _one_of(before, after)
    yield from _union(before, after)
    names = raw_schema(after).names
    for name in sorted({name for name in names if names.count(name) > 1}):
        remedy = "Give the new field another column by x-column."
        yield Change("", f"two columns would be called {name}", remedy)
    lasting = {*after.key, *([after.event_time] if after.event_time else [])}
    yield from _of_fields(after, "", before.fields, after.fields, lasting)


def _one_of(before: Contract, after: Contract) -> Change:
    joining = _known(before, set(after.one_of) - set(before.one_of))
    has_grown = before.one_of and set(before.one_of) <= set(after.one_of) and not joining
    if has_grown or not after.one_of:
        return Change("", f"x-one-of names {', '.join(after.one_of) or 'nothing'} now")
    what = f"exactly one of {', '.join(after.one_of)} would have to be filled"
    return _no("", what, after, "Leave the rule as it was, and test for it in the model.")


def _union(before: Contract, after: Contract) -> Iterator[Change]:
    """A member may be new as a field; one that was there may be filled in any earlier record."""
    if before.union is None or after.union is None:
        return
    for name in _known(before, set(after.union.members) - set(before.union.members)):
        what = f"would be empty unless {after.union.discriminator} says {name}"
        yield _no(name, what, after, _NEW_FIELD)


def _known(before: Contract, names: set[str]) -> list[str]:
    """Those of some names that are fields of the version before."""
    return [field.name for field in before.fields if field.name in names]


def _discriminator(contract: Contract) -> str | None:
    return contract.union.discriminator if contract.union is not None else None


def _of_fields(
    contract: Contract,
    prefix: str,
    before: Sequence[Field],
    after: Sequence[Field],
    lasting: set[str],
) -> Iterator[Change]:
    """Changes among the fields of one object; `lasting` must stay required."""
    new = {field.name: field for field in after}
    known = {field.name for field in before}
    added = [field.name for field in after if field.name not in known]
    for field in before:
        name = f"{prefix}{field.name}"
        if field.name in new:
            yield from _of_field(contract, name, field, new[field.name], lasting)
        else:
            renamed = f" (a rename to {' or '.join(added)} is a removal, too)" if added else ""
            yield _no(name, f"is gone{renamed}", contract, _KEEP)
    for field_name in added:
        field, name = new[field_name], f"{prefix}{field_name}"
        if field.required:
            what = "is new and required, which no earlier record could keep"
            yield Change(
                name, what, "Declare it as optional: `null` among its types, and not in `required`."
            )
        else:
            yield Change(name, f"is new ({field.type})")


_KEEP = (
    "Leave the field in the contract as optional, with its name and type; a field that nothing "
    "sends any more costs nothing."
)
_NEW_FIELD = "Leave the field as it was, and declare a new optional field beside it."


def _of_field(
    contract: Contract, name: str, before: Field, after: Field, lasting: set[str]
) -> Iterator[Change]:
    if before.type != after.type:
        if (before.type, after.type) not in _WIDER_TYPES:
            what = f"was {before.type}, and would be {after.type}"
            yield _no(name, what, contract, _NEW_FIELD)
            return
        yield Change(name, f"any text is allowed, no longer only {before.type}")
    yield from _of_requirement(contract, name, before, after, lasting)
    fixed: Mapping[str, tuple[object, object]] = {
        "x-column": (before.column, after.column),
        "x-pii": (before.pii, after.pii),
        "x-consent": (before.consent, after.consent),
        "x-pseudonym": (before.pseudonym, after.pseudonym),
        "x-flatten": (before.flatten, after.flatten),
    }
    for keyword, (old, new) in fixed.items():
        if old != new:
            what = f"{keyword} was {old}, and would be {new}: its column would mean two things"
            yield _no(name, what, contract, _NEW_FIELD)
    yield from _of_values(contract, name, before, after)
    yield from _of_bounds(contract, name, before, after)
    unguarded = [path for path in before.personal if path not in after.personal]
    if unguarded:
        what = f"{', '.join(unguarded)} would be written in clear text"
        yield _no(name, what, contract, "Leave the paths in x-personal.")
    guarded = [path for path in after.personal if path not in before.personal]
    if guarded:
        yield Change(name, f"{', '.join(guarded)} is a pseudonym from now on")
    yield from _of_fields(contract, f"{name}.", before.fields, after.fields, set())
    if before.items is not None and after.items is not None:
        yield from _of_field(contract, f"{name}[]", before.items, after.items, set())


def _of_requirement(
    contract: Contract, name: str, before: Field, after: Field, lasting: set[str]
) -> Iterator[Change]:
    if after.required and not before.required:
        what = "was optional, and would be required, which records that lack it break"
        yield _no(name, what, contract, "Leave it optional, and test for nulls in the model.")
    elif before.required and not after.required:
        if name in lasting:
            what = "identifies or dates the record, and would be optional"
            yield _no(name, what, contract)
        else:
            yield Change(name, "is optional now")


def _of_values(contract: Contract, name: str, before: Field, after: Field) -> Iterator[Change]:
    if after.type != "enum":
        return
    gone = [value for value in before.values if value not in after.values]
    new = [value for value in after.values if value not in before.values]
    if gone:
        remedy = "Leave the values in the contract; the model decides what it makes of them."
        yield _no(name, f"would no longer take {', '.join(gone)}", contract, remedy)
    if new:
        yield Change(name, f"takes {', '.join(new)}, too")


def _of_bounds(contract: Contract, name: str, before: Field, after: Field) -> Iterator[Change]:
    bounds: Sequence[tuple[str, Decimal | int | None, Decimal | int | None, int]] = (
        ("minimum", before.minimum, after.minimum, -1),
        ("maximum", before.maximum, after.maximum, 1),
        ("x-scale", before.scale, after.scale, 1),
        ("minLength", before.min_length, after.min_length, -1),
        ("minItems", before.min_items, after.min_items, -1),
        ("x-length", before.length, after.length, 0),
    )
    for keyword, old, new, direction in bounds:
        if old != new:
            is_wider = new is None or (old is not None and (new - old) * direction > 0)
            yield _bound(contract, name, keyword, (old, new), is_wider=is_wider)


def _bound(
    contract: Contract, name: str, keyword: str, values: tuple[object, object], *, is_wider: bool
) -> Change:
    old, new = values
    if is_wider:
        return Change(name, f"{keyword} was {old}, and is {'open' if new is None else new}")
    remedy = "Leave the bound as it was, and test for it in the model."
    return _no(
        name, f"{keyword} was {old}, and would be {new}, which is narrower", contract, remedy
    )


def _no(name: str, what: str, contract: Contract, remedy: str | None = None) -> Change:
    """A change that is not allowed."""
    table = (
        f"Declare a table of its own, {contract.source}/<new table>.v1.json, and let the models "
        f"read both."
    )
    return Change(name, what, f"{remedy} Or: {table}" if remedy else table)
