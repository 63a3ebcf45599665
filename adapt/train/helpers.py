"""How do several processes come to train together? One leads: it alone looks after the run folder, and says when.

Helpers are started from outside (torchrun, srun) or by the leading process itself. All meet at a store of short
messages. There the leader says "prepare", then "train", or "leave" instead of either; for training they form a
process group. Nobody waits for ever: whoever starts helpers sees them end, they see their leader end, and every wait
has a limit.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]  # Only the stubs hide them.

from adapt.errors import RunError
from adapt.runs.processes import Rank
from adapt.train.distributed import ALONE, DDP, PATIENCE, Ranks

PREPARE, TRAIN, LEAVE = "prepare", "train", "leave"
LIFELINE = "WAM_ADAPT_LIFELINE"  # set for helpers whose standard input ends when their leader does
_MEETING_S = 3600.0  # to load a large base, or to check the digests of large data
_GRACE_S = 20.0  # for a process to notice by itself that another is gone
_HERE = "127.0.0.1"


class Leader:
    """The process that leads a training; `lead` makes one.

    Args:
        rank: What torchrun or srun says of this process; None where it was started alone.
        devices: Processes wanted, where nobody has started them.
        strategy: "auto", "ddp" or "fsdp2".
        command: What Python is to run in a helper.
        patience: How long to wait for another process within a step.
    """

    def __init__(
        self, rank: Rank | None, *, devices: int, strategy: str, command: Sequence[str], patience: timedelta = PATIENCE
    ) -> None:
        self.size = devices if rank is None else rank.size
        self._rank = rank
        self._strategy = strategy
        self._command = command
        self._patience = patience
        self._meeting: Store | None = None
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._said: list[str] = []

    def call(self) -> None:
        """Have helpers prepare a training, starting them if nobody has."""
        if self.size > 1:
            if self._rank is None:
                self._start()
            self._say(PREPARE)

    @contextmanager
    def joined(self) -> Iterator[Ranks]:
        """Everybody who has prepared trains together inside.

        Raises:
            RunError: A helper has stopped, or does not get ready.
        """
        if self._rank is None:
            yield ALONE
            return
        self._say(TRAIN)
        meeting = self._meet()
        self._await(lambda: meeting.add("ready", 0) >= self.size - 1, "not ready", _MEETING_S)
        with _watching(self._stopped), _group(self._rank, meeting, self._strategy, self._patience) as ranks:
            yield ranks

    def dismiss(self, *, failed: bool) -> None:
        """Let the helpers go; those that this process started are gone when it returns."""
        if self._rank is not None and TRAIN not in self._said:
            with suppress(RuntimeError, RunError):  # What failed before is what the user is to hear of.
                self._say(LEAVE)
                if not self._rank.meeting_held:  # The store goes with this process: they must have heard.
                    self._await(lambda: self._meet().add("left", 0) >= self.size - 1, "still there", _GRACE_S)
        patience_s = 0.0 if failed or TRAIN not in self._said else _GRACE_S
        for helper in self._helpers:
            with suppress(subprocess.TimeoutExpired):
                helper.wait(patience_s)
            if helper.poll() is None:
                helper.kill()
                helper.wait()

    def _start(self) -> None:
        """Hold a meeting on this machine, and start those who are to come to it."""
        meeting = TCPStore(_HERE, 0, self.size, is_master=True, wait_for_workers=False)
        size, port = self.size, meeting.port
        rank = Rank(number=0, size=size, local=0, local_size=size, address=_HERE, port=port, meeting_held=True)
        self._rank, self._meeting = rank, meeting
        # What is importable here is importable there; -P, since the folder one works in is not to be searched first.
        paths = os.pathsep.join(path or str(os.getcwd()) for path in sys.path)
        for number in range(1, size):
            told = replace(rank, number=number, local=number).environment()
            self._helpers.append(
                subprocess.Popen(
                    [sys.executable, "-P", *self._command],
                    env={**os.environ, **told, LIFELINE: "1", "PYTHONPATH": paths},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for the leader, who then ends them.
                )
            )

    def _say(self, word: str) -> None:
        self._meet().set(f"word {len(self._said)}", word)
        self._said.append(word)

    def _meet(self) -> Store:
        if self._meeting is None:
            assert self._rank is not None
            self._meeting = _meet(self._rank)
        return self._meeting

    def _await(self, come: Callable[[], bool], what: str, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while not come():
            if stopped := self._stopped():
                raise RunError(stopped)
            if time.monotonic() > deadline:
                raise RunError(
                    f"finetune: some of the {self.size} processes are {what} after {limit_s:.0f} s; see what they "
                    "said, then give the same command again: it goes on from the last checkpoint"
                )
            time.sleep(0.02)

    def _stopped(self) -> str:
        """What to say of a helper that has failed; nothing while all is well."""
        for number, helper in enumerate(self._helpers, start=1):
            if helper.poll():
                return (
                    f"finetune: process {number} of 0 to {self.size - 1} has stopped with status {helper.returncode}; "
                    "see what it said above. The same command goes on from the last checkpoint"
                )
        return ""


@contextmanager
def lead(
    rank: Rank | None, *, devices: int, strategy: str, command: Sequence[str], patience: timedelta = PATIENCE
) -> Iterator[Leader]:
    """Lead a training that may need helpers; afterwards none that were started here is left.

    Args:
        rank: What torchrun or srun says of this process; None where it was started alone.
        devices: Processes wanted, where nobody has started them.
        strategy: "auto", "ddp" or "fsdp2".
        command: What Python is to run in a helper; it comes to `follow`.
        patience: How long to wait for another process within a step.
    """
    leader = Leader(rank, devices=devices, strategy=strategy, command=command, patience=patience)
    failed = True
    try:
        yield leader
        failed = False
    finally:
        leader.dismiss(failed=failed)


class Helper:
    """A process that helps; `follow` makes one."""

    def __init__(self, rank: Rank, *, strategy: str, patience: timedelta) -> None:
        self._rank = rank
        self._strategy = strategy
        self._patience = patience
        self._meeting = _meet(rank)
        self._heard = 0

    def hears(self, word: str) -> bool:
        """Wait for the leader's next word, and tell whether it is this one."""
        key = f"word {self._heard}"
        try:
            self._meeting.wait([key], timedelta(seconds=_MEETING_S))
            said = str(self._meeting.get(key).decode())
        except (dist.DistError, RuntimeError) as error:
            why = " ".join(str(error).split())[:200]
            raise RunError(
                f"finetune: process {self._rank.number} hears nothing from process 0 ({why}); see what that one said"
            ) from error
        self._heard += 1
        if said == LEAVE:
            self._meeting.add("left", 1)
        return said == word

    @contextmanager
    def joined(self) -> Iterator[Ranks]:
        """Train with the others inside."""
        self._meeting.add("ready", 1)
        with _group(self._rank, self._meeting, self._strategy, self._patience) as ranks:
            yield ranks


def follow(rank: Rank, *, strategy: str, patience: timedelta = PATIENCE) -> Helper:
    """Come to where the leader holds the meeting.

    Args:
        rank: Of this process.
        strategy: The recipe's, as the leader has it.
        patience: How long to wait for another process within a step.
    """
    if LIFELINE in os.environ:
        threading.Thread(target=_end_with_leader, daemon=True).start()
    return Helper(rank, strategy=strategy, patience=patience)


def _meet(rank: Rank) -> Store:
    """The store of messages; process 0 holds it, unless whoever started all of them does."""
    holds = rank.number == 0 and not rank.meeting_held
    store = TCPStore(rank.address, rank.port, rank.size, is_master=holds, wait_for_workers=False)
    # torchrun's own store outlives an attempt that it starts anew.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "")
    return PrefixStore(f"wam-adapt {attempt}", store) if attempt else store


@contextmanager
def _group(rank: Rank, meeting: Store, strategy: str, patience: timedelta) -> Iterator[Ranks]:
    """A process group, over the loopback interface where all processes are on this machine."""
    gpus = torch.cuda.is_available()
    # A machine's own name does not always lead back to it.
    here = {"GLOO_SOCKET_IFNAME": "lo"} if rank.address == _HERE and sys.platform == "linux" else {}
    # Each process has its share of the cores, or all of them would wait for each other's threads.
    threads, share = torch.get_num_threads(), max(1, (os.cpu_count() or 1) // rank.local_size)
    with _defaults({**here, "OMP_NUM_THREADS": str(share)}):
        torch.set_num_threads(min(threads, int(os.environ["OMP_NUM_THREADS"])))
        ranks = Ranks(rank=rank, strategy=DDP if strategy == "auto" else strategy)
        with ranks.told_in_words():
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if gpus else "gloo",
                store=PrefixStore("group", meeting),
                rank=rank.number,
                world_size=rank.size,
                timeout=patience,
                device_id=torch.device("cuda", rank.local) if gpus else None,
            )
        try:
            yield ranks
        finally:
            dist.destroy_process_group()
            torch.set_num_threads(threads)


@contextmanager
def _defaults(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while, those that are set already as they are."""
    new = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextmanager
def _watching(stopped: Callable[[], str]) -> Iterator[None]:
    """End this process if a helper has failed and it does not notice: some transports wait for the dead."""
    over = threading.Event()

    def watch() -> None:
        """Look once a second until it is over; end this process, with status 1, if it does not notice in time."""
        while not over.wait(1.0):
            if (told := stopped()) and not over.wait(_GRACE_S):
                sys.stderr.write(f"error: {told}\n")
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _end_with_leader() -> None:
    """Runs beside a helper's work: its standard input ends when its leader does, however that ended."""
    while os.read(0, 1):  # Past Python's buffer, whose lock would be in the way when this process ends first.
        pass
    time.sleep(_GRACE_S)
    os._exit(1)
