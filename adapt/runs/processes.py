"""Which of several processes that work on one thing is this one? Light: looks at the environment, loads no library."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_PORTS_FROM = 15000  # SLURM jobs on one node must not meet on one port, so it is made of the job's number.


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """One of several processes that were started together.

    Attributes:
        number: From 0; the process with number 0 leads: it alone writes.
        size: How many there are.
        local: Number among those on this machine, which decides the device.
        local_size: How many there are on this machine.
        address: Of the machine on which process 0 runs.
        port: On which they find each other.
        meeting_held: Whether whoever started them listens on that port already, so that process 0 need not.
    """

    number: int
    size: int
    local: int
    local_size: int
    address: str
    port: int
    meeting_held: bool = False

    def environment(self) -> dict[str, str]:
        """The variables by which `find_rank` finds this again, in another process."""
        return {
            "RANK": str(self.number),
            "WORLD_SIZE": str(self.size),
            "LOCAL_RANK": str(self.local),
            "LOCAL_WORLD_SIZE": str(self.local_size),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
            "TORCHELASTIC_USE_AGENT_STORE": str(self.meeting_held),
        }


def find_rank(environ: Mapping[str, str] = os.environ) -> Rank | None:
    """What torchrun or SLURM's srun says of this process; None where it was started alone.

    Args:
        environ: The environment's variables.
    """
    try:
        return _of_torchrun(environ) or _of_srun(environ)
    except ValueError:
        return None  # Somebody else's variables of the same names.


def _of_torchrun(environ: Mapping[str, str]) -> Rank | None:
    if not all(name in environ for name in _TORCHRUN) or int(environ["WORLD_SIZE"]) < 2:
        return None
    return Rank(
        number=int(environ["RANK"]),
        size=int(environ["WORLD_SIZE"]),
        local=int(environ["LOCAL_RANK"]),
        local_size=int(environ.get("LOCAL_WORLD_SIZE", environ["WORLD_SIZE"])),
        address=environ["MASTER_ADDR"],
        port=int(environ["MASTER_PORT"]),
        meeting_held=environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
    )


def _of_srun(environ: Mapping[str, str]) -> Rank | None:
    # Only srun sets this: a plain command within an allocation of several tasks is alone.
    size = int(environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if size < 2:
        return None
    nodes = environ.get("SLURM_STEP_NODELIST", environ.get("SLURM_NODELIST", "127.0.0.1"))
    job = re.sub(r"\D", "", environ.get("SLURM_JOB_ID", "0"))[-4:]
    return Rank(
        number=int(environ["SLURM_PROCID"]),
        size=size,
        local=int(environ["SLURM_LOCALID"]),
        # "2(x3),1": two tasks on each of three nodes, then one; all nodes must have as many for training.
        local_size=int(re.split(r"\D", environ.get("SLURM_STEP_TASKS_PER_NODE", str(size)))[0]),
        address=environ.get("MASTER_ADDR", _first_node(nodes)),
        port=int(environ.get("MASTER_PORT", _PORTS_FROM + int(job or 0))),
    )


def _first_node(nodes: str) -> str:
    """The first of SLURM's list of nodes, for example node003 of "node[003-005,9],other1"."""
    first = re.match(r"([^,\[]+)(?:\[([^\],-]+)[^\]]*\])?([^,]*)", nodes)
    return nodes if first is None else first[1] + (first[2] or "") + first[3]
