"""Dagster's local launcher, which also sees whether the processes it has started still live.

`dagster.yaml` names it. Dagster's own monitor (`run_monitoring`) asks it about every started run,
marks those as failed whose process is gone, and lets the next one go on.
"""

from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

from orchestration.lib import lost_runs


class WatchedRunLauncher(DefaultRunLauncher):
    """Starts runs as the default launcher does, and answers for their health."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """FAILED if the process of a started run is gone; also for runs that others started."""
        pid = lost_runs.lost_process(self._instance, run.run_id)
        if pid is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, lost_runs.message(pid))

    def get_run_worker_debug_info(
        self,
        run: DagsterRun,
        include_container_logs: bool | None = True,  # noqa: ARG002
    ) -> str | None:
        """Which process it was."""
        pid = lost_runs.lost_process(self._instance, run.run_id)
        return None if pid is None else lost_runs.message(pid)
