import signal
import subprocess
import sys

import pytest

PROGRAM = """
from ingestion.failpoints import failpoint
for number in range(3):
    print(number, flush=True)
    failpoint("stream.after_files")
    failpoint("lake.after_swap")
"""


@pytest.mark.parametrize(
    ("wanted", "code", "printed"),
    [
        ("stream.after_files", -signal.SIGKILL, "0"),
        ("stream.after_files:1", -signal.SIGKILL, "0"),
        ("lake.after_swap:3", -signal.SIGKILL, "0 1 2"),
        ("lake.after_swap:4", 0, "0 1 2"),
        ("stream.after", 0, "0 1 2"),
    ],
)
def test_a_process_kills_itself_at_the_point_and_pass_that_is_named(
    wanted: str, code: int, printed: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"ADX_FAILPOINT": wanted},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout.split()) == (code, printed.split())
