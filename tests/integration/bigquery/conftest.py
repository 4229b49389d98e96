"""One small ad world of two days, and an emulator of its home."""

from collections.abc import Callable, Iterator

import pytest

from ingestion.settings import Settings
from tests.emulated import emulator
from tests.parity.world import LandedWorld


@pytest.fixture(scope="session")
def new_world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], LandedWorld]:
    """Make a world whose first day has landed; the second is for the test that needs it."""

    def make() -> LandedWorld:
        world = LandedWorld.create(tmp_path_factory.mktemp("landed"), seed=3, scale=250, days=2)
        world.next_day()
        return world

    return make


@pytest.fixture(scope="session")
def world(new_world: Callable[[], LandedWorld]) -> LandedWorld:
    """The world whose home the emulator stands in for."""
    return new_world()


@pytest.fixture(scope="session")
def on_emulator(world: LandedWorld) -> Iterator[Settings]:
    """The world's home with its warehouse on the emulator, on which nothing is built yet."""
    with pytest.MonkeyPatch.context() as patch, emulator(world.settings) as settings:
        patch.setenv("ADX_HOME", str(settings.home))
        yield settings
