"""Lets everything go wrong, and compares what is there then with what was sent.

    python -m tests.chaos                       # the smoke test: at most ten minutes on two cores
    python -m tests.chaos --full --state FOLDER # all faults; run it again and it goes on
    python -m tests.chaos --seed 7 --only 'stream'

Ends with `N passed, N failed`; the exit code is 1 if anything failed.
"""

import sys

from tests.chaos.runner import main

if __name__ == "__main__":
    sys.exit(main(__doc__))
