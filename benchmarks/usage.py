"""Processor time of this process and all that it started."""

import time
from dataclasses import dataclass, field

import psutil


def cpu_seconds() -> float:
    """Seconds of processor time so far, of this process, its children and their children.

    Children that have ended are counted by the process that waited for them. Of other processes
    the system tells hundredths of a second; of this one all, so that short work is not nothing.
    """
    me = psutil.Process()
    ended = me.cpu_times()
    total = time.process_time() + ended.children_user + ended.children_system
    for process in me.children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


@dataclass
class Clock:
    """Wall and processor time since it was made."""

    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=cpu_seconds)

    @property
    def wall(self) -> float:
        """Seconds by the clock on the wall."""
        return time.perf_counter() - self._wall

    @property
    def cpu(self) -> float:
        """Seconds of processor time."""
        return cpu_seconds() - self._cpu
