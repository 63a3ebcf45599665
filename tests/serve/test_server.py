"""Robots reach the policy as with openpi's and RoboArena's servers; who sends nonsense is told so; nothing hangs."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from serve_builder import LIMITS, STEPS, ToyPolicy, question, robot
from serve_droid import KEYS, arm_of_droid, droid
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from adapt.errors import ServeError
from adapt.serve.answering import Service
from adapt.serve.background import Address, serving
from adapt.serve.client import Client
from adapt.serve.keys import read_keys
from adapt.serve.server import PolicyServer
from adapt.serve.settings import ServeSettings
from adapt.serve.shadow import compare
from adapt.serve.wire import pack, unpack


@contextmanager
def talking(address: Address, path: str = "", **more: Any) -> Iterator[ClientConnection]:
    """A bare connection, as openpi's client makes one, after the metadata."""
    uri = f"ws://{address.host}:{address.port}{path}"
    with connect(uri, compression=None, max_size=None, close_timeout=1, **more) as connection:
        assert isinstance(connection.recv(timeout=5), bytes)
        yield connection


def ask(connection: ClientConnection, message: object) -> Any:
    """A refusal as text, an answer as a map."""
    connection.send(message if isinstance(message, bytes | str) else pack(message))
    reply = connection.recv(timeout=60)
    return reply if isinstance(reply, str) else unpack(reply)


@pytest.fixture(scope="module")
def policy() -> ToyPolicy:
    return ToyPolicy()


@pytest.fixture(scope="module")
def address(policy: ToyPolicy) -> Iterator[Address]:
    with serving(policy, ServeSettings(port=0, largest_frame_bytes=100_000)) as found:
        yield found


def test_it_speaks_as_openpi_s_server_does(address: Address) -> None:
    """Metadata first and unasked, then one binary answer to each binary request."""
    with connect(f"ws://{address.host}:{address.port}", compression=None, max_size=None, close_timeout=1) as bare:
        metadata = msgpack.unpackb(bare.recv(timeout=5))
        assert (metadata["body"], metadata["cameras"], metadata["rate_hz"]) == ("toy", ["main"], 10.0)
        first, second = (ask(bare, question()) for _ in range(2))
    assert first["actions"].shape == (STEPS, 3)
    np.testing.assert_allclose(first["actions"][:, 1], np.linspace(0.1, 0.12, STEPS), atol=1e-6)
    assert set(first["server_timing"]) == {"infer_ms", "queue_ms", "total_ms"}
    assert second["server_timing"]["prev_total_ms"] >= second["server_timing"]["infer_ms"] >= 0
    assert (first["hold"], first["reason"], first["limited"]) == (False, "", [])


def test_a_picture_arrives_as_it_was_sent(address: Address, policy: ToyPolicy) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    with talking(address) as connection:
        ask(connection, question(images={"main": picture[:, ::-1]}, prompt="pour", seed=7))
    seen, instruction, seed = policy.asked[-1]
    assert np.array_equal(seen.images["main"].numpy(), picture[:, ::-1])
    assert (instruction, seed) == ("pour", 7)


@pytest.mark.parametrize(
    "message",
    [
        {"images": {"main": np.zeros((4, 4, 3), np.uint8)}, "state": [0.0, 0.1], "prompt": "wave"},
        {"images": np.zeros((4, 4, 3), np.uint8), "state": {"shoulder": 0.0, "lift": 0.1}, "prompt": np.str_("wave")},
        {"observation/main": np.zeros((4, 4, 3), np.uint8), "observation/state": np.array([0, 0.1]), "prompt": "wave"},
        {
            "observation.images.main": np.zeros((4, 4, 3), np.uint8),
            "observation.state": np.array([0.0, 0.1, 9.0], np.float32),  # a column that holds more than the body feels
            "prompt": np.array("wave"),
        },
    ],
)
def test_it_takes_the_field_s_usual_names(address: Address, policy: ToyPolicy, message: dict[str, Any]) -> None:
    with talking(address) as connection:
        assert isinstance(ask(connection, message), dict)
    assert policy.asked[-1][0].state.tolist() == pytest.approx([0.0, 0.1])


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in question().items() if key != name}


WRONG: list[tuple[object, str]] = [
    ("hello", "message: came as text"),
    (b"\xc1", "message: is not readable as MessagePack"),
    ([1, 2], "message: is [1, 2]"),
    (question(images={"mian": np.zeros((4, 4, 3), np.uint8)}), "unknown field 'mian'. Did you mean 'main'"),
    (question(images={}), "the camera 'main' is missing"),
    (without("images"), "observation.images"),
    (question(images={"main": np.zeros((3, 4, 4), np.uint8)}), "observation.images.main: found the shape (3, 4, 4)"),
    (question(images={"main": np.zeros((4, 4, 3), np.float32)}), "observation.images.main: found numbers of the kind"),
    (question(images={"main": "picture"}), "observation.images.main: found str"),
    (question(images={"main": np.zeros((0, 4, 3), np.uint8)}), "observation.images.main: found the shape"),
    (question(state=np.array([0.0, np.nan])), "observation.state: 'lift' is not a finite number"),
    (question(state=np.array([np.inf, 0.0])), "observation.state: 'shoulder' is not a finite number"),
    (question(state=np.zeros(7)), "observation.state: found the shape (7,)"),
    (question(state="here"), "observation.state: found str"),
    (question(state=np.array(["a", "b"])), "observation.state: found ndarray"),
    ({**question(), "observation/state": np.zeros(2)}, "state: came under more than one name"),
    ({**question(), "observation/wrist": np.zeros(2)}, "unknown field 'observation/wrist'"),
    ({**without("state"), "observation.state": np.zeros(1)}, "observation.state: has the shape (1,)"),
    (without("prompt"), "prompt: is None"),
    (question(prompt="  "), "prompt: is '  '"),
    (question(prompt=3), "prompt: is 3"),
    (question(prompt="x" * 5_000), "prompt: is 'xxx"),
    (question(seed=-1), "seed: is -1"),
    (question(seed=0.5), "seed: is 0.5"),
    (question(executed=True), "executed: is True"),
    (question(endpoint="kill"), "endpoint: is 'kill'"),
    (question(session_id=["a"]), "session_id: is ['a']"),
    (question(operator_actions=np.zeros((2, 5))), "operator_actions: has the shape (2, 5)"),
    (question(operator_actions=np.full((2, 3), np.nan)), "operator_actions"),
]


def test_every_wrong_request_is_refused_by_name_and_the_connection_is_kept(address: Address, policy: ToyPolicy) -> None:
    with talking(address) as connection:
        for message, told in WRONG:
            before = len(policy.asked)
            reply = ask(connection, message)
            assert isinstance(reply, str), message
            assert told in reply
            assert "Traceback" not in reply
            assert len(policy.asked) == before  # The model was not bothered.
        assert isinstance(ask(connection, question()), dict)


def test_more_executed_than_was_sent_is_refused(address: Address) -> None:
    with talking(address) as connection:
        ask(connection, question())
        assert "executed: is 9, but the last answer had 8" in ask(connection, question(executed=9))


def test_a_frame_that_is_too_large_costs_its_sender_the_connection_and_nobody_else(address: Address) -> None:
    with talking(address) as other, talking(address) as connection:
        with pytest.raises(ConnectionClosedError) as closed:
            ask(connection, b"\0" * 100_001)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert isinstance(ask(other, question()), dict)


def test_health_is_told_to_anybody() -> None:
    with serving(ToyPolicy(), ServeSettings(port=0, api_key="s3cret")) as address:
        http_ = http.client.HTTPConnection(address.host, address.port, timeout=5)
        http_.request("GET", "/healthz")
        response = http_.getresponse()
        assert (response.status, response.read()) == (200, b"OK\n")
        http_.close()


def test_only_who_knows_the_key_comes_in() -> None:
    policy = ToyPolicy()
    with serving(policy, ServeSettings(port=0, api_key="s3cret")) as address:
        for headers in ({}, {"Authorization": "Api-Key wrong"}, {"Authorization": "s3cret"}):
            with pytest.raises(InvalidStatus) as refused, talking(address, additional_headers=headers):
                pass
            assert refused.value.response.status_code == 401
        with talking(address, additional_headers={"Authorization": "Api-Key s3cret"}) as connection:
            assert isinstance(ask(connection, question()), dict)
        with Client(address.host, address.port, api_key="s3cret") as client:
            assert client.infer(question()).actions.shape == (STEPS, 3)
        with Client(address.host, address.port) as client, pytest.raises(ServeError, match="401"):
            client.infer(question())


def test_sessions_do_not_see_each_other() -> None:
    """Each has its own count of decisions, hence its own noise, and its own place in its limits."""
    policy = ToyPolicy(robot(limits=LIMITS))
    with serving(policy) as address, talking(address) as one, talking(address) as other:
        seeds = []
        for connection, session in ((one, "a"), (one, "b"), (one, "a"), (other, "a")):
            ask(connection, question(session_id=session))
            seeds.append(policy.asked[-1][2])
        assert seeds[0] == seeds[1] == seeds[3] != seeds[2]
        assert ask(one, {"endpoint": "reset", "session_id": "a"}) == "reset successful"
        ask(one, question(session_id="a"))
        assert policy.asked[-1][2] == seeds[0]
        ask(one, question(session_id="b"))
        assert policy.asked[-1][2] == seeds[2]
        assert ask(one, {"endpoint": "reset"}) == "reset successful"
        ask(one, question(session_id="b"))
        assert policy.asked[-1][2] == seeds[0]


def test_a_connection_does_not_collect_sessions_without_end(address: Address, policy: ToyPolicy) -> None:
    with talking(address) as connection:
        for name in range(40):
            ask(connection, question(session_id=name))
        ask(connection, question(session_id=0))
    assert policy.asked[-1][2] == policy.asked[-41][2]  # It was forgotten, and began anew.


def test_it_speaks_as_roboarena_s_server_does() -> None:
    body = arm_of_droid()
    policy = ToyPolicy(body, lambda *_: np.zeros((STEPS, 8)))
    keys = read_keys(KEYS, body, source="keys.yaml")
    with serving(policy, ServeSettings(port=0, keys=keys)) as address:
        uri = f"ws://{address.host}:{address.port}"
        with connect(uri, compression=None, max_size=None, close_timeout=1) as bare:
            assert msgpack.unpackb(bare.recv(timeout=5)) == {
                "image_resolution": [180, 320],
                "needs_wrist_camera": True,
                "n_external_cameras": 1,
                "needs_stereo_camera": False,
                "needs_session_id": True,
                "action_space": "joint_position",
            }
            answer = ask(bare, droid(endpoint="infer"))
            assert answer["actions"].shape == (STEPS, 8)
            assert policy.asked[-1][0].state.tolist() == [0, 1, 2, 3, 4, 5, 6, 1]
            assert ask(bare, {"session_id": "38DSA3hd3", "endpoint": "reset"}) == "reset successful"
            wrong = droid() | {"observation/joint_position": np.zeros(6)}
            assert "observation/joint_position: has the shape (6,)" in ask(bare, wrong)
            assert "unknown field 'observation/depth'" in ask(bare, droid() | {"observation/depth": np.zeros(6)})
        with Client(address.host, address.port) as client:
            assert client.metadata["body"] == "droid"  # Ours is told more, under a path of its own.


def test_a_late_model_makes_the_robot_hold_and_the_next_answer_is_the_model_s() -> None:
    policy = ToyPolicy(robot(limits=LIMITS))
    with serving(policy, ServeSettings(port=0, deadline_s=0.2)) as address, talking(address) as connection:
        policy.gate.clear()
        begun = time.monotonic()
        late = ask(connection, question())
        assert 0.15 < time.monotonic() - begun < 5
        assert (late["hold"], late["reason"]) == (True, "the model was late")
        np.testing.assert_allclose(late["actions"], np.tile([0.0, 0.1, 0.0], (STEPS, 1)), atol=1e-6)
        policy.gate.set()
        assert not ask(connection, question())["hold"]


def test_a_model_that_hangs_does_not_pile_up_work() -> None:
    policy = ToyPolicy()
    with serving(policy, ServeSettings(port=0, deadline_s=0.02, clients=2)) as address, talking(address) as connection:
        policy.gate.clear()
        replies = [ask(connection, question()) for _ in range(12)]
        assert sum(isinstance(reply, str) and "requests are waiting already" in reply for reply in replies) == 7
        policy.gate.set()
        time.sleep(0.1)
        assert not ask(connection, question())["hold"]
        assert len(policy.asked) == 2  # What was given up before it began was never done.


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_never_leaves(wrong: float) -> None:
    def say(state: np.ndarray, _seed: int) -> np.ndarray:
        told = np.tile(state, (STEPS, 1))
        told[5, 1] = wrong
        return told

    with serving(ToyPolicy(robot(limits=LIMITS), say)) as address, talking(address) as connection:
        reply = ask(connection, question())
    assert np.isfinite(reply["actions"]).all()
    assert (reply["hold"], reply["reason"]) == (True, "the model's action 'lift' at step 5 is not a finite number")


def test_every_chunk_keeps_the_limits_across_chunks() -> None:
    rng = np.random.default_rng(3)
    policy = ToyPolicy(robot(limits=LIMITS), lambda *_: rng.normal(0, 3, (STEPS, 3)))
    with serving(policy) as address, talking(address) as connection:
        rows, state = [np.array([0.0, 0.1, 0.0])], (0.0, 0.1)
        for executed in (None, 3, 8, 1, 5):
            more = {} if executed is None else {"executed": executed}
            reply = ask(connection, question(state=state, **more))
            assert set(reply["limited"]) == {"shoulder", "lift"}
            rows = [*rows, *reply["actions"]]
            # The next request tells how many of these were carried out.
            following = {None: 3, 3: 8, 8: 1, 1: 5, 5: STEPS}[executed]
            rows = rows[: len(rows) - STEPS + following]
            state = tuple(rows[-1][:2])
    path = np.array(rows)
    speed = np.diff(path[:, :2], axis=0) * 10
    assert ((path[:, :2] >= [-1, 0]) & (path[:, :2] <= [1, 0.3])).all()
    assert (np.abs(speed) <= [1.0, 0.5]).all()
    assert (np.abs(np.diff(speed[:, 0])) * 10 <= 4.0).all()


def test_a_robot_that_was_moved_by_hand_begins_where_it_is() -> None:
    policy = ToyPolicy(robot(limits=LIMITS), lambda *_: np.tile([1.0, 0.3, 0.0], (STEPS, 1)))
    with serving(policy) as address, talking(address) as connection:
        ask(connection, question(state=(0.0, 0.1)))
        moved = ask(connection, question(state=(-0.9, 0.1)))["actions"]
    assert moved[0, 0] == pytest.approx(-0.9 + 0.04, abs=1e-6)  # from rest at 4 rad/s^2


def test_a_body_beyond_its_limits_is_told_to_stay_where_it_is() -> None:
    with serving(ToyPolicy(robot(limits=LIMITS))) as address, talking(address) as connection:
        reply = ask(connection, question(state=(0.0, 0.9)))
    assert reply["hold"]
    assert "'lift' is at 0.9" in reply["reason"]
    np.testing.assert_allclose(reply["actions"][:, 1], 0.9, atol=1e-6)


def test_limits_need_a_state() -> None:
    with serving(ToyPolicy(robot(limits=LIMITS))) as address, talking(address) as connection:
        assert ask(connection, without("state")).startswith("state: is missing")


def test_a_model_that_fails_is_told_of_and_the_connection_is_kept() -> None:
    def fail(_state: np.ndarray, seed: int) -> np.ndarray:
        if seed == 1:
            raise RuntimeError("CUDA out of memory in /home/me")
        return np.zeros((STEPS, 3))

    with serving(ToyPolicy(say=fail)) as address, talking(address) as connection:
        assert (
            ask(connection, question(seed=1)) == "model: failed (RuntimeError). See the log of the server, and reset."
        )
        assert isinstance(ask(connection, question(seed=2)), dict)


def test_in_shadow_mode_nothing_is_commanded_and_everything_is_written_down(tmp_path: Path) -> None:
    policy = ToyPolicy(robot(limits=LIMITS))
    log = tmp_path / "shadow.jsonl"
    with serving(policy, shadow=log) as address, Client(address.host, address.port) as client:
        assert client.metadata["shadow"]
        first = client.infer(question())
        did = np.tile([0.0, 0.1, 0.5], (4, 1))
        client.infer(question(operator_actions=did))
        client.infer(question())
    assert first.hold
    np.testing.assert_allclose(first.actions, np.tile([0.0, 0.1, 0.0], (STEPS, 1)), atol=1e-6)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["before"] is None for line in lines] == [True, False, True]
    would = np.array(lines[0]["would"])
    assert would[-1, 1] > would[0, 1]
    found = compare(log)
    assert (found.steps, found.decisions, found.names) == (4, 1, ("shoulder", "lift", "grip"))
    np.testing.assert_allclose(found.mean_error, np.abs(would[:4] - did).mean(axis=0))
    log.write_text("{}\n")
    with pytest.raises(ServeError, match=r"shadow\.jsonl:1"):
        compare(log)


def test_too_many_robots_are_sent_away() -> None:
    with serving(ToyPolicy(), ServeSettings(port=0, clients=2)) as address:
        with talking(address), talking(address):
            with pytest.raises(InvalidStatus) as refused, talking(address):
                pass
            assert refused.value.response.status_code == 503
        deadline = time.monotonic() + 5
        while True:  # A place is free as soon as the server has noticed.
            try:
                with talking(address) as connection:
                    assert isinstance(ask(connection, question()), dict)
                break
            except InvalidStatus:
                assert time.monotonic() < deadline
                time.sleep(0.02)


def test_a_port_that_is_taken_is_named(address: Address) -> None:
    with (
        pytest.raises(ServeError, match=f"127.0.0.1:{address.port}: cannot be listened on"),
        serving(ToyPolicy(), ServeSettings(port=address.port)),
    ):
        pass


def test_it_finishes_what_it_began_before_it_stops() -> None:
    policy = ToyPolicy()
    policy.gate.clear()
    replies: list[Any] = []

    async def scenario() -> None:
        service = Service(policy, ServeSettings(port=0, deadline_s=0.0))
        stop, ports = asyncio.Event(), asyncio.Queue[int]()
        running = asyncio.create_task(PolicyServer(service).run(stop, ports.put_nowait))
        address = Address(host="127.0.0.1", port=await ports.get())

        def robot_asks() -> None:
            with talking(address) as connection:
                replies.append(ask(connection, question()))
                try:
                    connection.recv(timeout=5)
                except ConnectionClosed as closed:
                    replies.append(closed.rcvd.code if closed.rcvd else None)

        asking = asyncio.create_task(asyncio.to_thread(robot_asks))
        while not policy.asked:
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.sleep(0.1)
        assert not running.done()
        policy.gate.set()
        await asyncio.wait_for(asyncio.gather(running, asking), 10)
        service.close()

    asyncio.run(scenario())
    assert isinstance(replies[0], dict)
    assert replies[1] == 1001  # going away


def test_who_does_not_read_is_cut_off_and_the_others_go_on() -> None:
    """A slow reader, whose buffers are full of answers."""
    policy = ToyPolicy(say=lambda *_: np.zeros((4_000, 3)))
    policy.geometry = replace(policy.geometry, action_steps=4_000)
    with serving(policy, ServeSettings(port=0, send_s=0.3)) as address:
        slow = socket.create_connection((address.host, address.port), timeout=5)
        slow.sendall(handshake(address))
        frame, gone = masked(pack(question())), threading.Event()

        def flood() -> None:
            try:
                while True:
                    slow.sendall(frame)
            except OSError:
                gone.set()

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        with talking(address) as connection:
            for _ in range(10):
                assert isinstance(ask(connection, question()), dict)
        assert gone.wait(30), "the slow reader is still there"
        slow.close()
        thread.join(5)


def test_a_connection_that_is_open_on_one_side_only_is_noticed() -> None:
    """It reads, but says nothing any more, and answers no ping."""
    with (
        serving(ToyPolicy(), ServeSettings(port=0, ping_s=0.1)) as address,
        socket.create_connection((address.host, address.port), timeout=20) as silent,
    ):
        silent.sendall(handshake(address))
        while silent.recv(4096):  # until it is hung up on
            pass


def handshake(address: Address) -> bytes:
    return (
        f"GET / HTTP/1.1\r\nHost: {address.host}:{address.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def masked(payload: bytes) -> bytes:
    """A binary frame from a client, with a mask of zeros."""
    assert 126 <= len(payload) < 65_536
    return b"\x82" + bytes([0x80 | 126]) + len(payload).to_bytes(2, "big") + b"\0\0\0\0" + payload


def test_garbage_instead_of_a_handshake_and_in_the_middle_of_it_harms_nobody(address: Address) -> None:
    with talking(address) as connection:
        for rubbish in (b"\x00\xff" * 500, b"GET / HTTP/1.1\r\nHost", b"\x16\x03\x01\x02\x00\x01", b""):
            with socket.create_connection((address.host, address.port), timeout=5) as plain:
                plain.sendall(rubbish)
        for rubbish in (b"\xff\xff\xff\xff", b"\x82\xff" + b"\xff" * 12, b"\x83\x80\0\0\0\0"):
            with socket.create_connection((address.host, address.port), timeout=5) as plain:
                plain.sendall(handshake(address) + rubbish)
                while plain.recv(4096):  # until it is hung up on
                    pass
        assert isinstance(ask(connection, question()), dict)


def test_eight_robots_at_once_each_get_their_own_answers() -> None:
    """What `tests/benchmarks/serve.py` does with 1,000 requests each."""
    policy = ToyPolicy(say=lambda state, _: np.tile(state, (STEPS, 1)))
    wrong: list[str] = []

    def drive(number: int) -> None:
        with Client(address.host, address.port) as client:
            for turn in range(25):
                state = (number / 10, turn / 100)
                actions = client.infer(question(state=state)).actions
                if not np.allclose(actions[0, :2], state, atol=1e-6):
                    wrong.append(f"{number}/{turn}: {actions[0]}")

    before = threading.active_count()
    with serving(policy, ServeSettings(port=0, deadline_s=0.0)) as address:
        threads = [threading.Thread(target=drive, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert len(policy.asked) == 200
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before
