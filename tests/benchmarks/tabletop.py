"""How fast is the tabletop drawn and moved? Beside it, MuJoCo's own renderer as it comes, on an equal scene.

python tests/benchmarks/tabletop.py docs/results/tabletop_speed.json
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from machine import commit, hardware

from adapt.sim.camera import Camera
from adapt.sim.engine import load_mujoco
from adapt.sim.expert import perform
from adapt.sim.gripper import Gripper
from adapt.sim.human_hand import HumanHand
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import ALL_TASKS

SIZES = (64, 128, 256, 320)
FRAMES, REPEATS = 60, 5

_SOLID = '<geom type="capsule" size="0.01 0.04" pos="{x} 0 0.15"/>'
_BLOCK = '<body pos="{x} 0 0.04"><freejoint/><geom type="box" size="0.03 0.03 0.03" rgba="{r} 0.3 0.3 1"/></body>'
_PLAIN = """
<mujoco>
  <visual><global offwidth="320" offheight="320"/></visual>
  <worldbody>
    <light pos="0 0 2"/>
    <camera name="main" pos="0 -0.69 1.02" xyaxes="1 0 0 0 0.84 0.54" fovy="33.4"/>
    <geom type="plane" size="0.3 0.3 0.1"/>{blocks}{solids}
  </worldbody>
</mujoco>
"""


def a_second(work: Callable[[], None], count: int) -> float:
    """How many of `count` a second of processor time does, the most of several tries."""
    work()
    rates = []
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        rates.append(count / (time.process_time() - started))
    return round(max(rates), 1)


def ours(size: int) -> dict[str, float]:
    """Pictures a second of processor time, of the gripper and of the hand at work."""
    with Tabletop() as tabletop, Camera(size) as camera:
        states = perform(tabletop, ALL_TASKS[0], 0).states[:FRAMES]

        def film(body: Gripper | HumanHand) -> Callable[[], None]:
            return lambda: [camera.picture(state, body.solids(state)) for state in states] and None

        return {"gripper": a_second(film(Gripper()), len(states)), "hand": a_second(film(HumanHand()), len(states))}


def plain(size: int) -> float:
    """Pictures a second of MuJoCo's renderer with its own settings: shadows, four samples a pixel."""
    mujoco = load_mujoco()
    blocks = "".join(_BLOCK.format(x=0.1 * at, r=0.3 * (at + 2)) for at in (-1, 0, 1))
    solids = "".join(_SOLID.format(x=0.03 * at) for at in range(-3, 3))
    model = mujoco.MjModel.from_xml_string(_PLAIN.format(blocks=blocks, solids=solids))
    data = mujoco.MjData(model)
    with mujoco.Renderer(model, size, size) as renderer:

        def film() -> None:
            for _ in range(FRAMES):
                mujoco.mj_step(model, data)
                renderer.update_scene(data, "main")
                renderer.render()

        return a_second(film, FRAMES)


def control_steps() -> float:
    """Control steps a second of processor time, the expert included."""
    with Tabletop() as tabletop:
        return a_second(lambda: perform(tabletop, ALL_TASKS[0], 0, steps=64) and None, 64)


def main(out: Path) -> None:
    """Measure and write the figures."""
    pictures = {str(size): {"ours": ours(size), "mujoco_renderer": plain(size)} for size in SIZES}
    record = {
        "what": "per second of processor time on one core, the most of 5: square pictures by side in px, by our camera "
        "and by MuJoCo's renderer as it comes on a scene of as many blocks and fewer solids; control steps of 0.1 s",
        "command": "MUJOCO_GL=egl python tests/benchmarks/tabletop.py docs/results/tabletop_speed.json",
        "commit": commit(),
        "hardware": hardware(),
        "versions": {name: version(name) for name in ("mujoco",)},
        "pictures": pictures,
        "control_steps": control_steps(),
        "gl": "EGL",
    }
    out.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
