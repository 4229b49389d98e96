"""The builds that a warehouse has kept, on either engine: what readers see, and what they may see.

A rollback takes builds away from readers: it writes down which (`Withdrawal`), and only then shows
the one before them. So a process that is killed in between leaves a decision that whoever comes
next carries out. What was withdrawn is never chosen again unless somebody names it, and until
somebody publishes a newer build by hand, nothing that runs by itself publishes anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.errors import AdxError, ExitCode

if TYPE_CHECKING:
    from orchestration.warehouse.store import Manifest


@dataclass(frozen=True)
class Withdrawal:
    """A build that a rollback took away from readers.

    Attributes:
        build_id: The build.
        returned_to: The build that readers went back to.
        reason: Why, in the words of whoever decided it.
        withdrawn_at: When, UTC, ISO 8601.
        run_id: The rollback's row in the run ledger; builds of one rollback share it.
    """

    build_id: str
    returned_to: str
    reason: str
    withdrawn_at: str
    run_id: str


@dataclass(frozen=True)
class Versions:
    """What a warehouse has kept.

    Attributes:
        kept: Builds that passed their tests and can still be shown, oldest first.
        current: The build that readers see; None before the first publish.
        published: Ids of builds that readers have seen.
        withdrawn: Builds that were taken back, by their ids.
    """

    kept: Sequence["Manifest"]
    current: "Manifest | None"
    published: frozenset[str]
    withdrawn: Mapping[str, Withdrawal]

    @property
    def unfinished(self) -> Withdrawal | None:
        """A rollback that was decided, while readers still see what it took back.

        One whose build to go back to was removed meanwhile is none any more.
        """
        found = self.withdrawn.get(self.current.build_id) if self.current is not None else None
        there = {manifest.build_id for manifest in self.kept}
        return found if found is not None and found.returned_to in there else None

    @property
    def held_by(self) -> Withdrawal | None:
        """The rollback behind which nothing newer was published yet."""
        if self.current is None:
            return None
        newer = [
            withdrawal
            for build_id, withdrawal in self.withdrawn.items()
            if build_id > self.current.build_id
        ]
        return max(newer, key=lambda withdrawal: withdrawal.withdrawn_at, default=None)

    def newest(self) -> "Manifest":
        """The newest build that was not withdrawn.

        Raises:
            AdxError: There is none.
        """
        for manifest in reversed(self.kept):
            if manifest.build_id not in self.withdrawn:
                return manifest
        raise AdxError(
            "There is no build to publish.",
            remedy="Run `adx build` first; a build that fails its tests is never published.",
            exit_code=ExitCode.CONFIGURATION,
        )

    def named(self, build_id: str) -> "Manifest":
        """A build that is kept, by its id.

        Raises:
            AdxError: There is none of that id.
        """
        for manifest in self.kept:
            if manifest.build_id == build_id:
                return manifest
        known = ", ".join(manifest.build_id for manifest in self.kept) or "none"
        raise AdxError(
            f"There is no build {build_id}.",
            remedy=f"Name one of those that passed and are kept: {known}.",
            exit_code=ExitCode.USAGE,
        )

    def to_publish(self, build_id: str | None) -> "Manifest":
        """The build that a publish shows: the named one, or the newest.

        Raises:
            AdxError: There is none, or it is older than what readers see.
        """
        chosen = self.named(build_id) if build_id else self.newest()
        if self.current is not None and chosen.build_id < self.current.build_id:
            raise AdxError(
                f"Build {chosen.build_id} is older than {self.current.build_id}, which readers "
                "see.",
                remedy=f"Go back with `adx rollback --to {chosen.build_id} --reason …`: it takes "
                "the newer ones out of the way, too.",
                exit_code=ExitCode.USAGE,
            )
        return chosen

    def good(self) -> list["Manifest"]:
        """Builds that readers have seen and that nobody withdrew, oldest first."""
        seen = self.published | ({self.current.build_id} if self.current is not None else set())
        return [
            manifest
            for manifest in self.kept
            if manifest.build_id in seen and manifest.build_id not in self.withdrawn
        ]

    def to_go_back_to(self, build_id: str | None) -> "Manifest":
        """The build that a rollback shows: the named one, or what readers saw before.

        Raises:
            AdxError: Nothing is published, there is no older build, or the named one is newer.
        """
        if self.current is None:
            raise AdxError(
                "Nothing has been published yet, so there is no way back.",
                remedy="Run `adx build` and `adx publish` first.",
                exit_code=ExitCode.CONFIGURATION,
            )
        current = self.current.build_id
        if build_id is not None:
            chosen = self.named(build_id)
            if chosen.build_id > current:
                raise AdxError(
                    f"Build {build_id} is newer than {current}, which readers see.",
                    remedy=f"Go forward with `adx publish --build {build_id}`.",
                    exit_code=ExitCode.USAGE,
                )
            return chosen
        older = [manifest for manifest in self.good() if manifest.build_id < current]
        if not older:
            raise AdxError(
                f"No published build older than {current} is kept.",
                remedy="`adx rollback --list` shows what is kept; name one with --to. "
                "ADX_KEPT_BUILDS says how many are.",
                exit_code=ExitCode.CONFIGURATION,
            )
        return older[-1]

    def taken_back_by(self, target: "Manifest") -> list[str]:
        """Builds newer than a target, which are out of the way once readers see that.

        What readers see is one of them, even if it was taken back before.
        """
        current = None if self.current is None else self.current.build_id
        return [
            manifest.build_id
            for manifest in self.kept
            if manifest.build_id > target.build_id
            and (manifest.build_id not in self.withdrawn or manifest.build_id == current)
        ]

    def to_keep(self, count: int, *others: str) -> set[str]:
        """Builds that stay when old ones are removed.

        Args:
            count: How many of the newest, and of those that readers could go back to.
            others: Further ids.
        """
        newest = [manifest.build_id for manifest in self.kept[-count:]]
        good = [manifest.build_id for manifest in self.good()[-count:]]
        current = [self.current.build_id] if self.current is not None else []
        decided = [self.unfinished.returned_to] if self.unfinished is not None else []
        return {*newest, *good, *current, *decided, *others}
