"""The clients that robots out there use, in environments of their own, drive the server.

    python -m venv openpi && openpi/bin/pip install openpi-client
    git clone https://github.com/robo-arena/roboarena
    WAM_ADAPT_OPENPI_PYTHON=openpi/bin/python WAM_ADAPT_ROBOARENA=roboarena pytest tests/serve/test_real_clients.py

RoboArena's client needs nothing that openpi's environment does not have, but for typing_extensions.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serve_builder import STEPS, ToyPolicy
from serve_droid import KEYS, arm_of_droid

from adapt.serve.background import serving
from adapt.serve.keys import read_keys
from adapt.serve.settings import ServeSettings

PYTHON, ROBOARENA = (os.environ.get(f"WAM_ADAPT_{name}") for name in ("OPENPI_PYTHON", "ROBOARENA"))
needs_openpi = pytest.mark.skipif(
    PYTHON is None, reason="name a Python that has openpi-client: WAM_ADAPT_OPENPI_PYTHON"
)
needs_roboarena = pytest.mark.skipif(
    PYTHON is None or ROBOARENA is None, reason="name a clone of RoboArena's: WAM_ADAPT_ROBOARENA"
)

OPENPI = """
import json, sys
import numpy as np
from openpi_client.action_chunk_broker import ActionChunkBroker
from openpi_client.websocket_client_policy import WebsocketClientPolicy
client = WebsocketClientPolicy("127.0.0.1", int(sys.argv[1]), api_key="s3cret")
picture = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
seen = {"images": {"main": picture}, "state": np.array([0.25, 0.1], np.float32), "prompt": "wave"}
answer = client.infer(seen)
told = []
for wrong in ({**seen, "prompt": 3}, {**seen, "images": {"mian": picture}}):
    try:
        client.infer(wrong)
    except RuntimeError as error:
        told.append(str(error))
broker = ActionChunkBroker(client, action_horizon=8)
steps = [broker.infer(seen)["actions"].tolist() for _ in range(16)]
print(json.dumps({
    "body": client.get_server_metadata()["body"], "actions": answer["actions"].tolist(),
    "writeable": bool(answer["actions"].flags.writeable), "dtype": str(answer["actions"].dtype),
    "infer_ms": answer["server_timing"]["infer_ms"], "told": told, "steps": steps,
}))
"""

ARENA = """
import json, sys
import numpy as np
from roboarena.policy_client import WebsocketClientPolicy
from roboarena.policy_server import PolicyServerConfig
sys.path.insert(0, sys.argv[2] + "/scripts")
from test_policy_server import _make_dummy_observation
client = WebsocketClientPolicy("127.0.0.1", int(sys.argv[1]))
config = PolicyServerConfig(**client.get_server_metadata())
answer = client.infer(_make_dummy_observation(config))
reset = client.reset({"session_id": "38DSA3hd3"})
print(json.dumps({
    "shape": answer["actions"].shape, "reset": reset,
    "config": [config.n_external_cameras, config.needs_wrist_camera, config.action_space],
}))
"""


def drive(program: str, *words: str, path: str = "") -> dict[str, Any]:
    done = subprocess.run(
        [str(PYTHON), "-c", program, *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@needs_openpi
def test_openpi_s_client_gets_what_the_policy_says() -> None:
    policy = ToyPolicy()
    with serving(policy, ServeSettings(port=0, api_key="s3cret")) as address:
        found = drive(OPENPI, str(address.port))
    assert (found["body"], found["dtype"]) == ("toy", "float64")
    np.testing.assert_allclose(np.array(found["actions"])[:, 0], np.linspace(0.25, 0.27, STEPS), atol=1e-6)
    assert found["steps"][:8] == found["actions"]
    assert found["infer_ms"] >= 0
    assert "prompt: is 3" in found["told"][0]
    assert "unknown field 'mian'" in found["told"][1]
    assert np.array_equal(policy.asked[0][0].images["main"].numpy(), np.arange(300, dtype=np.uint8).reshape(10, 10, 3))


@needs_roboarena
def test_roboarena_s_client_takes_the_server_for_its_own() -> None:
    body = arm_of_droid()
    policy = ToyPolicy(body, lambda *_: np.zeros((STEPS, 8)))
    with serving(policy, ServeSettings(port=0, keys=read_keys(KEYS, body, source="keys.yaml"))) as address:
        clone = str(Path(str(ROBOARENA)).resolve())
        found = drive(ARENA, str(address.port), clone, path=clone)
    assert found == {"shape": [STEPS, 8], "reset": "reset successful", "config": [1, True, "joint_position"]}
    seen = policy.asked[0][0]
    assert {name: tuple(picture.shape) for name, picture in seen.images.items()} == {
        "left": (180, 320, 3),
        "hand": (180, 320, 3),
    }
