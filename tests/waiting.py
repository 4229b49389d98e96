"""Waiting for what another process or thread does."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found | None], seconds: float = 600.0) -> Found:
    """Look until there is something (anything but nothing, false or empty); gives it.

    Args:
        what: What the test waits for, to be named when it never comes.
        look: Looks once.
        seconds: How long at most.

    Raises:
        AssertionError: It never came.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)
    return found
