import signal
import sys

import pytest

from adapt.errors import RunError
from adapt.train.helpers import lead

ASLEEP = ("-c", "import time; time.sleep(100)")
FAILING = ("-c", "raise SystemExit(3)")


def test_one_who_trains_alone_starts_nobody():
    with lead(None, devices=1, strategy="auto", command=FAILING) as leader:
        leader.call()
        with leader.joined() as ranks:
            assert (ranks.size, ranks.number, ranks.leads) == (1, 0, True)


@pytest.mark.timeout(60)
def test_helpers_end_when_their_leader_is_stopped():
    helpers = []

    def stopped():
        with lead(None, devices=3, strategy="auto", command=ASLEEP) as leader:
            leader.call()
            helpers.extend(leader._helpers)
            assert [helper.poll() for helper in helpers] == [None, None]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [helper.poll() for helper in helpers] == [-signal.SIGKILL] * 2


@pytest.mark.timeout(60)
def test_a_helper_that_fails_is_told_of_with_its_number_and_status():
    with lead(None, devices=2, strategy="auto", command=FAILING) as leader:
        leader.call()
        joined = leader.joined()
        with pytest.raises(RunError, match=r"process 1 of 0 to 1 has stopped with status 3.*goes on from the last"):
            joined.__enter__()


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_helpers_are_out_of_reach_of_the_terminals_ctrl_c():
    with lead(None, devices=2, strategy="auto", command=ASLEEP) as leader:
        leader.call()
        (helper,) = leader._helpers
        with open(f"/proc/{helper.pid}/stat") as file:
            session = int(file.read().rpartition(")")[2].split()[3])
        assert session == helper.pid
