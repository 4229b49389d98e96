"""Named points at which a chaos test makes this process kill itself.

The environment variable `ADX_FAILPOINT=<name>` sends SIGKILL to the process when it passes the
point of that name; `<name>:<n>` does so at the n-th pass. Without the variable a failpoint does
nothing. SIGKILL, because only a death that nothing can catch shows what a crash leaves behind.

Names, in the order in which a run passes them:

- a producer: `producer.before_write`, `producer.after_write` (a group is written, not synced),
  `producer.after_sync` (it is on disk, nobody was told), `producer.after_ack` (Kafka has it, the
  position is not stored), `producer.before_position`, `producer.after_position` (stored, the
  segments behind it are still there);
- stream: `stream.before_files`, `stream.after_files`, `stream.before_commit`,
  `stream.after_commit`, `stream.before_checkpoint`;
- dlt: `dlt.before_extract`, `dlt.after_extract`, `dlt.before_commit`, `dlt.after_commit`;
- a commit to any lake table: `lake.before_rename` (a data file is written but not yet visible),
  `lake.before_metadata`, `lake.before_swap` (all files are there, the catalog does not know),
  `lake.after_swap` (committed, the pointer is not written), `lake.after_pointer`,
  `lake.before_register` (a batch is committed, its files are not in `ops.file_registry`);
- pins: `pin.before_commit`, `pin.after_commit`;
- upkeep of the lake: `compact.after_file` (one file is written, others are not),
  `compact.before_commit` (all are written), `expire.after_table` (one table is done, others are
  not), `orphans.after_file` (one file is removed, others are not), `recover.after_table` (the
  catalog knows one table, others not yet);
- an upgrade: `upgrade.after_table` (one table is upgraded, others are not);
- a build: `build.after_copy`, `build.after_dbt`, `build.before_accept`, `build.after_accept`,
  `publish.before_swap`, `publish.after_swap`;
- a close: `finance.before_period` (the lines are frozen, the period is not closed);
- a replay: `failed.before_outcomes` (rows are landed, `ops.failed_outcomes` does not know).
"""

import os
import signal
from collections import Counter

_passes: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Kill this process if `ADX_FAILPOINT` names this point (and this pass of it)."""
    wanted = os.environ.get("ADX_FAILPOINT")
    if wanted is None:
        return
    wanted_name, _, wanted_pass = wanted.partition(":")
    if wanted_name != name:
        return
    _passes[name] += 1
    if _passes[name] == int(wanted_pass or 1):
        os.kill(os.getpid(), signal.SIGKILL)
