"""What the strict parser says about one record."""

from dataclasses import dataclass, field
from typing import Any, Literal

Reason = Literal["parse", "schema", "contract", "privacy", "oversize"]


@dataclass(frozen=True)
class Failure:
    """Why a record failed; holds nothing of its values, because the lake keeps it in clear.

    Attributes:
        reason: `parse`: not one clean document; `schema`: another type than declared, or a
            required field is missing; `contract`: right type, wrong value; `privacy`: a personal
            value that cannot be replaced, as it must be before anything is written; `oversize`:
            too long.
        field: Dotted path of the declared field at fault, if there is one.
        message: What was found, by its kind, and what is allowed.
    """

    reason: Reason
    field: str | None
    message: str


@dataclass(frozen=True)
class Verdict:
    """A record that kept the contract, or the reason why it did not.

    Attributes:
        values: Typed values by wire name, structs as dictionaries; empty for a failed record.
        extras: Unknown fields: dotted path to JSON value.
        failure: None for a good record.
    """

    values: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None


class Violation(Exception):  # noqa: N818 - a verdict on a record, not an error of the program
    """Carries a failure out of nested checks."""

    def __init__(self, reason: Reason, path: str | None, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(reason, path, message)
