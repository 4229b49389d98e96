"""Keeps calls below a licence's limit, so that the API need not refuse any."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

_MINUTE: Final = 60.0


class Pace:
    """At most so many calls in any sixty seconds.

    Args:
        calls_per_minute: The limit.
        clock: Seconds that never go back.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        calls_per_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._calls: deque[float] = deque(maxlen=calls_per_minute)
        self._clock = clock
        self.sleep = sleep

    def wait(self) -> None:
        """Wait until another call may be made, and count it."""
        if len(self._calls) == self._calls.maxlen:
            rest = self._calls[0] + _MINUTE - self._clock()
            if rest > 0:
                self.sleep(rest)
        self._calls.append(self._clock())
