"""Runs that were killed outright: their process is gone, and nobody has told Dagster.

Dagster's code server sees the runs die that it has started itself, as long as it lives. Where it
went too, or never was (`make demo`), such a run would stay STARTED, and hold its place in every
pool, until its maximum runtime. The process of a run is the one that wrote its start event; it is
gone if no process has its number, if a younger one has it, or if it is a zombie.
"""

import dagster as dg
import psutil
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter

CLOCK_SECONDS = 1.0
"""How far the clock of a process's start may lie behind the clock of events (kernel ticks)."""


def lost_process(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The number of the process of a started run, if that process is gone."""
    started = instance.all_logs(run_id, of_type=DagsterEventType.RUN_START)
    if not started:
        return None
    entry = started[-1]
    pid = entry.get_dagster_event().pid
    if pid is None or _lives(pid, entry.timestamp):
        return None
    return pid


def _lives(pid: int, seen_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.create_time() <= seen_at + CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False


def message(pid: int) -> str:
    """What the log of such a run says."""
    return (
        f"Process {pid} of this run is gone: it was killed. What it had committed stays; the next "
        "run goes on from there."
    )


def fail_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark every run as failed whose process is gone; gives their ids."""
    lost = []
    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED])):
        pid = lost_process(instance, run.run_id)
        if pid is not None:
            instance.report_run_failed(run, message(pid))
            lost.append(run.run_id)
    return lost
