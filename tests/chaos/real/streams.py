"""The stream as a service: its driver, JVM and workers are killed, its checkpoint is cut up.

One service after another lands one topic. Each fault comes while events come in; the next start (or
the same service, where it must heal by itself) has to land what is left.
"""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Final

import psutil

from ingestion.errors import ExitCode
from ingestion.settings import Settings
from tests.chaos.real.processes import DEADLINE_SECONDS, end, family, is_stopped, start, wait_until
from tests.chaos.real.topics import PARTITIONS, TOPIC, EventTopic
from tests.chaos.suite import MissedError, Outcome, Run, chaos_class, noting_misses, reproduce

DRIVER, JVM, WORKER = "Spark driver killed", "Spark JVM killed", "Spark worker killed"
DELETED, DAMAGED = "checkpoint deleted", "checkpoint damaged"
ZOMBIE, FULL = "zombie stream", "full disk of the stream"
_RUNNING: Final = "while it runs"

_SMOKE: Final = (
    (DRIVER, "stream.after_files"),
    (DELETED, _RUNNING),
    (DRIVER, "stream.after_commit"),
    (DAMAGED, _RUNNING),
    (WORKER, _RUNNING),
    (DRIVER, "any time"),
    (ZOMBIE, "stream.before_commit"),
    (JVM, "any time"),
    (FULL, "disk.write"),
)
_MORE: Final = (
    *((DRIVER, f"stream.{point}") for point in ("before_files", "before_commit")),
    (DRIVER, "stream.before_checkpoint"),
    (DRIVER, "lake.before_swap"),
    (DRIVER, "lake.in_swap"),
    (DRIVER, "disk.rename"),
    (DRIVER, "any time"),
    (DRIVER, "any time"),
    (JVM, "any time"),
    (WORKER, _RUNNING),
    (ZOMBIE, "lake.before_metadata"),
    (ZOMBIE, "lake.before_swap"),
    (FULL, "disk.sync"),
)
_ROUNDS: Final = 3


def _chunk(run: Run) -> int:
    """Events that are sent to a partition at a time."""
    return 38_000 if run.full else 300


class Chain:
    """One topic, one lake, and the services that land it, one after another."""

    def __init__(self, run: Run) -> None:
        self.rng = random.Random(f"stream {run.seed}")
        self.chunk = _chunk(run)
        self.settings = Settings(
            home=run.folder / "stream",
            kafka_bootstrap=run.bootstrap,
            kafka_partitions=PARTITIONS,
            kafka_topic_prefix=f"chaos-{run.seed}-{int(time.time())}.",
            stream_interval_seconds=0.3,
        )
        self.settings.home.mkdir(parents=True)
        self.topic = EventTopic(self.settings)
        self.log = self.settings.home / "service.log"
        self.service: subprocess.Popen[bytes] | None = None
        self.sent = 0

    def begin(self, fault: str | None = None, *options: str) -> subprocess.Popen[bytes]:
        """Start a service, or a drain."""
        with self.log.open("wb") as output:
            return start(
                ["-m", "ingestion.streaming", *options, TOPIC], self.settings, fault, output=output
            )

    def send(self) -> None:
        """Send a chunk."""
        self.sent += self.topic.send(self.chunk)

    def caught_up(self, restarts: int = 1) -> float:
        """Wait until all that was sent is landed, starting a service if none runs.

        Args:
            restarts: How often one that ends meanwhile is started again.
        """
        began = time.monotonic()
        if self.service is None or self.service.poll() is not None:
            self.service = self.begin()
        while True:
            try:
                wait_until(
                    "all was landed",
                    lambda: self.topic.behind() == 0,
                    process=self.service,
                    log=self.log,
                )
            except ChildProcessError:
                if not restarts:
                    raise
                restarts -= 1
                end(self.service)
                self.service = self.begin()
            else:
                return time.monotonic() - began

    def at_work(self) -> None:
        """See a service land something, so that all its processes are there."""
        self.send()
        self.caught_up()

    def stop(self) -> None:
        """End the service that runs."""
        if self.service is not None:
            end(self.service)
            self.service = None

    def drain(self) -> None:
        """Land and note all that is left."""
        self.service = self.begin(None, "--once")
        code = self.service.wait(DEADLINE_SECONDS)
        assert code == 0, self.log.read_text()[-600:]

    def with_fault(self, point: str, action: str) -> subprocess.Popen[bytes]:
        """A service that meets a fault in the batch after those that are left; it has caught up."""
        self.stop()
        if point.startswith("lake."):
            # passed by each commit: of the ledger, too, where a killed service left measures
            self.drain()
        self.send()  # one batch for certain, since what is left may be none
        self.service = self.begin(f"{point}:2={action}")
        wait_until(
            "the batch before", lambda: self.topic.behind() == 0, process=self.service, log=self.log
        )
        return self.service


def _driver(chain: Chain, where: str) -> None:
    if where == "any time":
        chain.at_work()
        assert chain.service is not None
        chain.send()
        time.sleep(chain.rng.uniform(0.0, 1.2))
        chain.service.kill()
        assert chain.service.wait() == -signal.SIGKILL, chain.service.returncode
    else:
        # points of every file come often: the second batch is far behind the second pass
        at_once = where.startswith("disk.")
        service = chain.with_fault(where, "kill") if not at_once else _at_once(chain, where)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while service.poll() is None and time.monotonic() < deadline:
            chain.send()
            time.sleep(0.3)
        assert service.returncode == -signal.SIGKILL, service.returncode
    assert chain.service is not None
    end(chain.service)


def _at_once(chain: Chain, where: str) -> subprocess.Popen[bytes]:
    chain.stop()
    chain.send()
    chain.service = chain.begin(f"{where}:{chain.rng.randrange(1, 8)}=kill")
    return chain.service


def _jvm(chain: Chain, _: str) -> None:
    chain.at_work()
    assert chain.service is not None
    (java,) = (one for one in family(chain.service.pid) if one.name() == "java")
    chain.send()
    time.sleep(chain.rng.uniform(0.0, 1.0))
    java.kill()
    try:
        chain.service.wait(60)
    finally:
        end(chain.service)


def _worker(chain: Chain, _: str) -> None:
    chain.at_work()
    assert chain.service is not None
    chain.send()
    for _ in range(200):
        workers = [
            one
            for one in family(chain.service.pid)
            if one.name().startswith("python") and one.pid != chain.service.pid
        ]
        if workers:
            break
        time.sleep(0.02)
    assert workers, "no worker was seen"
    for worker in workers:
        try:
            worker.kill()
        except psutil.NoSuchProcess:
            continue


def _deleted(chain: Chain, _: str) -> None:
    chain.at_work()
    shutil.rmtree(chain.settings.checkpoints / TOPIC, ignore_errors=True)
    chain.send()


def _damaged(chain: Chain, _: str) -> None:
    chain.at_work()
    files = [
        path
        for path in (chain.settings.checkpoints / TOPIC).glob("*/checkpoint/*/*")
        if path.name.isdigit()
    ]
    for path in files:
        path.write_text("v1\n")
    assert files, "there was no checkpoint"
    chain.send()


def _zombie(chain: Chain, where: str) -> None:
    zombie = chain.with_fault(where, "stop")
    chain.send()
    wait_until("the zombie stands still", lambda: is_stopped(zombie.pid), process=zombie)
    # the lock of a host that nobody hears of any more is gone
    lock = chain.settings.lake / "locks" / f"{'.'.join(chain.topic.contract.identifier)}.lock"
    lock.unlink()
    chain.send()
    other = chain.begin(None, "--once")
    assert other.wait(DEADLINE_SECONDS) == 0, chain.log.read_text()[-600:]
    assert chain.topic.behind() == 0
    zombie.send_signal(signal.SIGCONT)
    chain.send()


def _full(chain: Chain, where: str) -> None:
    chain.stop()
    chain.send()
    chain.service = chain.begin(f"{where}:{chain.rng.randrange(1, 5)}=full", "--once")
    code = chain.service.wait(DEADLINE_SECONDS)
    assert code in {0, ExitCode.UNAVAILABLE}, chain.log.read_text()[-600:]
    chain.send()
    if code == 0:
        raise MissedError("all was landed in fewer writes")


_WORKS: Final[dict[str, Callable[[Chain, str], None]]] = {
    DRIVER: _driver,
    JVM: _jvm,
    WORKER: _worker,
    DELETED: _deleted,
    DAMAGED: _damaged,
    ZOMBIE: _zombie,
    FULL: _full,
}


def _plan(run: Run) -> list[str]:
    listed = (*_SMOKE, *(_MORE if run.full else ())) * (_ROUNDS if run.full else 1)
    return [f"{name}/{where}#{place}" for place, (name, where) in enumerate(listed)]


def least_events(run: Run) -> int:
    """Events that are sent at least: each fault has some of its own."""
    return len(_plan(run)) * _chunk(run) * PARTITIONS


@chaos_class(*_WORKS, level="real", plan=_plan)
def streams(run: Run) -> Iterator[Outcome]:
    """One service after another."""
    todo = [case for case in _plan(run) if case not in run.done]
    if not todo:
        return
    chain = Chain(run)
    try:
        for case in todo:
            yield _one(chain, run, case)
    finally:
        chain.stop()
        shutil.rmtree(chain.settings.home, ignore_errors=True)


def _one(chain: Chain, run: Run, case: str) -> Outcome:
    name, _, rest = case.partition("/")
    outcome = Outcome(
        case, steps=reproduce(run, name, [f"see tests/chaos/real/streams.py, {name}"])
    )
    before = chain.sent
    try:
        with noting_misses(outcome):
            _WORKS[name](chain, rest.rpartition("#")[0])
        heals_itself = name in (DELETED, DAMAGED)
        outcome.seconds = chain.caught_up(0 if heals_itself else 1)
        outcome.count(chain.topic.compare())
    except Exception as error:  # noqa: BLE001 - the report has it
        outcome.notes.append(f"{type(error).__name__}: {error}")
        chain.stop()
    outcome.events = chain.sent - before
    return outcome
