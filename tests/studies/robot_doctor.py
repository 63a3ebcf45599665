"""How many planted faults does the examination of robot data catch, and how often does it cry for nothing?

Run by hand:

    WAM_ADAPT_TEST_DATA=DATA python tests/studies/robot_doctor.py docs/results/robot_doctor.json

160 clean windows (one episode each) of the simulated arm, half play and half tasks, filmed from the front; a second
camera is the first one's picture cropped and turned. 160 sets of 4 windows drawn from them; in each, every fault is
planted at three strengths that stand in this file. A fault counts as caught when a finding of its kind names the
episode, axis or camera it was planted in. False alarms are findings above a note in the sets without fault; a window's
alarm is one that names its episode. With real robot data the findings there are listed too. Needs the extra "sim", and
EGL or OSMesa. Takes: ten minutes of one core. Faults that are named after the file are measured again, the others
kept.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import commit, hardware
from robot_builder import (
    CAMERAS,
    RATE_HZ,
    Play,
    arm_spec,
    black,
    clipped,
    constant,
    doubled,
    episode_rows,
    frozen,
    held_frames,
    in_other_unit,
    late_commands,
    late_film,
    missing,
    paused,
    reordered,
    slowed,
    slower_camera,
    spiked,
    stamped,
    stuck,
    swapped,
    twin,
    wrapped,
)

from adapt.data.lerobot import LeRobotSource
from adapt.embodiment.spec import load_embodiment
from adapt.quality.robot.cameras import examine_views
from adapt.quality.robot.channels import examine_channels
from adapt.quality.robot.clock import brisk, examine_clock
from adapt.quality.robot.coverage import examine_coverage, find_twins
from adapt.quality.robot.examine import examine, examine_robot
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.idle import examine_idle, idle_times
from adapt.quality.robot.lag import picture_lag
from adapt.quality.robot.latency import examine_latency, measure_latency
from adapt.quality.robot.order import examine_order
from adapt.quality.robot.rows import channels, moving
from adapt.quality.robot.units import examine_units
from adapt.quality.robot.views import View, view
from adapt.sim.arm import Arm
from adapt.sim.camera import Camera
from adapt.sim.takes import Takes
from adapt.sim.tasks import HELD_OUT_TASKS

COMMAND = "WAM_ADAPT_TEST_DATA=DATA python tests/studies/robot_doctor.py docs/results/robot_doctor.json"
WINDOWS, SETS, PER_SET, PX = 160, 160, 4, 48
SEED = 23  # The thresholds were set while looking at windows of seed 11.
REAL = (("lerobot_v21_g1_real", "g1_inspire"), ("lerobot_v20_gr1_sim", "gr1_sim"))

Plant = Callable[[Play, int, Any], Play]  # a set, its number, the strength
Look = Callable[[Play], list[Finding]]
Caught = Callable[[Finding, int], bool]  # whether a finding names what was planted in this set


def record() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Commands, state and pictures of every window."""
    body, windows = Arm(), []
    with Camera(PX) as camera:
        for takes in (
            Takes(count=WINDOWS // 2, seed=SEED),
            Takes(tasks=HELD_OUT_TASKS, count=WINDOWS - WINDOWS // 2, seed=SEED),
        ):
            for take in takes.perform():
                episode = take.episode
                given = zip(episode.commands, episode.states, strict=True)
                actions = np.stack([body.action(command, state) for command, state in given])
                state = np.stack([body.proprioception(each) for each in episode.states])
                film = np.stack([camera.picture(each, body.solids(each)) for each in episode.states])
                windows.append((actions.astype(np.float32), state.astype(np.float32), film))
    return windows


def second_view(film: np.ndarray, margin: int) -> np.ndarray:
    """The front's picture cropped by a margin on every side, and turned a quarter unless the crop is nothing."""
    inner = film[:, margin : PX - margin, margin : PX - margin]
    at = np.linspace(0, inner.shape[1] - 1, PX).round().astype(int)
    return np.ascontiguousarray(inner[:, at][:, :, at].transpose(0, 2, 1, 3))


def sets_of(windows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Iterator[Play]:
    """Sets of windows, each window in four of them."""
    draw = np.random.default_rng(SEED)
    order = np.concatenate([draw.permutation(len(windows)) for _ in range(SETS * PER_SET // len(windows))])
    sides = [second_view(film, 6) for *_, film in windows]
    for chosen in order.reshape(SETS, PER_SET):
        some = [windows[place] for place in chosen]
        rows = tuple(episode_rows(index, actions, state) for index, (actions, state, _) in enumerate(some))
        films = {"front": tuple(film for *_, film in some), "side": tuple(sides[place] for place in chosen)}
        yield Play(spec=arm_spec(), rows=rows, frames=films)


class Seen:
    """Views of films, those without fault kept: the same are looked at again and again."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[np.ndarray, View]] = {}

    def keep(self, play: Play) -> None:
        for film in (film for films in play.frames.values() for film in films):
            if id(film) not in self._kept:
                self._kept[id(film)] = film, view(0, "", torch.from_numpy(film), len(film))

    def views(self, play: Play, cameras: Sequence[str] = CAMERAS) -> dict[str, list[View]]:
        return {camera: [self._view(play, camera, place) for place in range(len(play.rows))] for camera in cameras}

    def _view(self, play: Play, camera: str, place: int) -> View:
        film, index = play.frames[camera][place], play.rows[place].index
        if id(film) in self._kept:
            return replace(self._kept[id(film)][1], episode=index, camera=camera)
        return view(index, camera, torch.from_numpy(film), len(film))


SEEN = Seen()


def motion(play: Play) -> dict[str, list[np.ndarray]]:
    return {camera: [each.motion for each in some] for camera, some in SEEN.views(play, ["front"]).items()}


def by_channels(play: Play) -> list[Finding]:
    return examine_channels(play.spec, play.rows)


def by_clock(play: Play) -> list[Finding]:
    return examine_clock(play.spec, play.rows)


def by_command_lag(play: Play) -> list[Finding]:
    return examine_latency(play.spec, play.rows, {}, measure_latency(play.spec, play.rows, {}))


def by_picture_lag(play: Play) -> list[Finding]:
    """As the whole examination has it, but for the lag from command to picture, of which nothing is told."""
    state = [channel for channel in channels(play.spec) if channel.kind == "state"]
    seen = motion(play)
    lag = {camera: picture_lag(state, play.rows, some) for camera, some in seen.items()}
    nothing = measure_latency(play.spec, play.rows, {})
    return examine_latency(play.spec, play.rows, seen, replace(nothing, state_to_picture=lag))


def by_pictures(play: Play) -> list[Finding]:
    arms = [channel for channel in channels(play.spec) if channel.kind == "state" and not channel.axis.gripper]
    masks = moving(arms, play.rows), brisk(arms, play.rows)
    busy = [{rows.index: mask for rows, mask in zip(play.rows, some, strict=True)} for some in masks]
    return examine_views(SEEN.views(play), busy[0], busy[1], RATE_HZ)


def place(number: int) -> int:
    return number % PER_SET


def joint(number: int) -> int:
    """One of shoulder, elbow, wrist and lift, in turn over sets of all episodes."""
    return number // PER_SET % 4


def angle(number: int) -> int:
    return number % 3


def side(number: int) -> str:
    return ("action", "state")[number % 2]


def names_episode(finding: Finding, number: int) -> bool:
    return place(number) in finding.episodes


def names_axis(of: Callable[[int], int]) -> Caught:
    axes = arm_spec().state
    return lambda finding, number: f"'{axes[of(number)].name}'" in finding.subject


def anything(finding: Finding, number: int) -> bool:
    return True


def spike(play: Play, number: int, share: float) -> Play:
    length = play.rows[place(number)].length
    row = int(np.random.default_rng(number).integers(4, length - 4))
    return spiked(play, place(number), side(number), angle(number), share, row)


def jolt(play: Play, number: int, periods: float) -> Play:
    clock = play.rows[place(number)].time_s.copy()
    clock[len(clock) // 2 :] += periods / RATE_HZ
    return stamped(play, place(number), clock)


def drift(play: Play, number: int, periods: float) -> Play:
    clock = play.rows[place(number)].time_s
    return stamped(play, place(number), clock * (1 + periods / (len(clock) - 1)))


def shift_all(play: Play, number: int, rows: int) -> Play:
    for index in range(PER_SET):
        play = late_film(play, index, "front", rows)
    return play


def swap(play: Play, number: int, margin: int) -> Play:
    """Two cameras that are the less alike the more the second is cropped."""
    films = tuple(second_view(film, margin) for film in play.frames["front"])
    return swapped(replace(play, frames={**play.frames, "side": films}), place(number), *CAMERAS)


def misorder(play: Play, number: int, how: str) -> Play:
    orders = {"one episode": [1, 0, 2, 3, 4], "two columns": [1, 0, 2, 3, 4], "all columns": [1, 2, 3, 0, 4]}
    return reordered(play, orders[how], [place(number)] if how == "one episode" else range(PER_SET))


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is planted, and what must be found of it.

    Attributes:
        look: What is to tell it.
        kinds: Kinds of findings that count.
        plant: How it is planted.
        strengths: Weak, middle and strong, fixed before anything was measured.
        unit: Of a strength.
        caught: Whom a finding must name.
    """

    look: Look
    kinds: tuple[str, ...]
    plant: Plant
    strengths: tuple[Any, Any, Any]
    unit: str = "rows"
    caught: Caught = names_episode


def at_place(plant: Callable[[Play, int, Any], Play]) -> Plant:
    """Planted in the episode that is this set's turn."""
    return lambda play, number, strength: plant(play, place(number), strength)


def at_camera(plant: Callable[[Play, int, str, Any], Play]) -> Plant:
    """Likewise, in one of the two cameras."""
    return lambda play, number, strength: plant(play, place(number), CAMERAS[number % 2], strength)


def in_reach(kind: str) -> Plant:
    """An axis cut off at a quantile of its values, above and below in turn."""
    return lambda play, number, strength: clipped(play, kind, angle(number), strength, upper=number % 2 == 0)


QUANTILES, RATES = (0.98, 0.9, 0.75), ((9, 10), (2, 3), (1, 2))
FAULTS: dict[str, Fault] = {
    "stuck state": Fault(
        look=by_channels,
        kinds=("stuck",),
        plant=lambda p, n, k: stuck(p, place(n), joint(n), k),
        strengths=(10, 20, 60),
    ),
    "dead column": Fault(
        look=by_channels,
        kinds=("stuck", "constant"),
        plant=lambda p, n, k: constant(p, "state", joint(n), k),
        strengths=(1, 2, 4),
        unit="episodes of 4",
        caught=names_axis(joint),
    ),
    **{
        f"clipped {name}": Fault(
            look=by_channels,
            kinds=("clipped",),
            plant=in_reach(kind),
            strengths=QUANTILES,
            unit="quantile",
            caught=names_axis(angle),
        )
        for name, kind in (("command", "action"), ("state", "state"))
    },
    "jump": Fault(look=by_channels, kinds=("jumps",), plant=spike, strengths=(0.1, 0.3, 0.6), unit="of the reach"),
    "wrapped angle": Fault(
        look=by_channels,
        kinds=("wraps",),
        plant=lambda p, n, k: wrapped(p, side(n), angle(n), k),
        strengths=(0.98, 0.9, 0.5),
        unit="quantile of the seam",
        caught=names_axis(angle),
    ),
    "wrong unit": Fault(
        look=lambda p: examine_units(p.spec, p.rows),
        kinds=("units",),
        plant=lambda p, n, k: in_other_unit(p, joint(n), k),
        strengths=(0.1, 0.5, 1.0),
        unit="of the usual motion",
        caught=names_axis(joint),
    ),
    "columns out of order": Fault(
        look=lambda p: examine_order(p.spec, p.rows),
        kinds=("order",),
        plant=misorder,
        strengths=("one episode", "two columns", "all columns"),
        unit="",
        caught=anything,
    ),
    "missing rows": Fault(look=by_clock, kinds=("missing rows",), plant=at_place(missing), strengths=(1, 3, 8)),
    "doubled rows": Fault(look=by_clock, kinds=("doubled rows",), plant=at_place(doubled), strengths=(1, 4, 10)),
    "slow columns": Fault(
        look=by_clock,
        kinds=("slower rate",),
        plant=lambda p, _, k: slowed(p, *k),
        strengths=RATES,
        unit="new of rows",
        caught=anything,
    ),
    "rest": Fault(
        look=lambda p: examine_idle(idle_times(p.spec, p.rows)),
        kinds=("idle",),
        plant=at_place(paused),
        strengths=(15, 40, 80),
    ),
    "uneven stamp": Fault(
        look=by_clock, kinds=("uneven clock",), plant=jolt, strengths=(0.3, 0.8, 1.5), unit="periods"
    ),
    "drifting stamps": Fault(
        look=by_clock, kinds=("clock drifts",), plant=drift, strengths=(0.4, 1.0, 1.8), unit="periods"
    ),
    "repeated episode": Fault(
        look=lambda p: examine_coverage([], find_twins(p.spec, p.rows), len(p.rows)),
        kinds=("near-identical",),
        plant=lambda p, n, k: twin(p, place(n), (place(n) + 1) % PER_SET, k, seed=n),
        strengths=(0.03, 0.01, 0.0),
        unit="of the reach",
        caught=lambda f, n: bool({place(n), (place(n) + 1) % PER_SET} & set(f.episodes)),
    ),
    "late commands": Fault(
        look=by_command_lag,
        kinds=("state before command",),
        plant=lambda p, _, k: late_commands(p, k),
        strengths=(1, 3, 6),
        caught=anything,
    ),
    "shifted videos": Fault(
        look=by_picture_lag, kinds=("video shifted",), plant=shift_all, strengths=(1, 3, 6), caught=anything
    ),
    "one shifted video": Fault(
        look=by_picture_lag,
        kinds=("episode's video shifted",),
        plant=lambda p, n, k: late_film(p, place(n), "front", k),
        strengths=(1, 4, 8),
    ),
    "black picture": Fault(look=by_pictures, kinds=("black",), plant=at_camera(black), strengths=(5, 15, 60)),
    "frozen picture": Fault(look=by_pictures, kinds=("frozen",), plant=at_camera(frozen), strengths=(5, 15, 60)),
    "doubled frames": Fault(
        look=by_pictures,
        kinds=("doubled frames", "slower camera"),
        plant=at_camera(held_frames),
        strengths=(1, 4, 10),
        unit="frames",
        caught=anything,
    ),
    "slow camera": Fault(
        look=by_pictures,
        kinds=("slower camera",),
        plant=lambda p, n, k: slower_camera(p, CAMERAS[n % 2], *k),
        strengths=RATES,
        unit="new of rows",
        caught=anything,
    ),
    "cameras swapped": Fault(
        look=by_pictures, kinds=("cameras swapped",), plant=swap, strengths=(0, 3, 10), unit="px cropped of 48"
    ),
}


def share_caught(fault: str, strength: Any, sets: Sequence[Play]) -> float:
    one, hits = FAULTS[fault], 0
    for number, play in enumerate(sets):
        planted = one.plant(play, number, strength)
        found = [f for f in one.look(planted) if f.kind in one.kinds and f.gravity != "note"]
        hits += any(one.caught(finding, number) for finding in found)
    return hits / len(sets)


def false_alarms(sets: Sequence[Play]) -> dict[str, Any]:
    """Alarms in sets without fault, by kind; and how often the known lags lie in their intervals."""
    by_kind: Counter[str] = Counter()
    examples: dict[str, str] = {}
    alarmed, windows, covered, told, widths = 0, 0, 0, 0, []
    for play in sets:
        examination = examine(play.spec, play.rows, SEEN.views(play, ["front"]))
        found = [finding for finding in examination.findings if finding.gravity != "note"]
        by_kind.update({finding.kind for finding in found})
        for finding in found:
            examples.setdefault(finding.kind, finding.text)
        alarmed += bool(found)
        windows += len({episode for finding in found for episode in finding.episodes})
        assert examination.latency is not None
        lag = examination.latency.state_to_picture["front"]  # 0 in the simulator
        if lag.low is not None and lag.high is not None:
            told, covered = told + 1, covered + (lag.low <= 0 <= lag.high)
            widths.append(lag.high - lag.low)
    return {
        "sets": len(sets),
        "sets_alarmed": alarmed,
        "windows": sum(len(play.rows) for play in sets),
        "windows_alarmed": windows,
        "by_kind": dict(sorted(by_kind.items())),
        "examples": examples,
        "picture_lag": {
            "true_s": 0.0,
            "told_in_sets": told,
            "true_value_in_interval": covered,
            "median_width_s": round(float(np.median(widths)), 3) if widths else None,
        },
    }


def real_findings(root: Path) -> dict[str, Any]:
    """What is found in real data sets, each with its lags."""
    recipes = Path(__file__).parents[2] / "recipes" / "embodiment"
    found = {}
    for folder, body in REAL:
        examination = examine_robot(LeRobotSource(root / folder), load_embodiment(body, [recipes]))
        assert examination.latency is not None
        latency = examination.latency
        found[folder] = {
            "episodes": examination.episodes,
            "seconds": round(examination.seconds, 1),
            "command_to_state_s": _lag(latency.command_to_state),
            "state_to_picture_s": {camera: _lag(lag) for camera, lag in latency.state_to_picture.items()},
            "command_to_picture_s": {camera: _lag(lag) for camera, lag in latency.command_to_picture.items()},
            "findings": [f"{finding.gravity}: {finding.text}" for finding in examination.findings],
        }
    return found


def _lag(lag: Any) -> Any:
    return lag.unknown or [round(number, 3) for number in (lag.low, lag.seconds, lag.high)]


def main(target: Path, faults: Sequence[str]) -> None:
    torch.set_num_threads(1)
    begun = time.monotonic()
    kept = os.environ.get("ROBOT_DOCTOR_WINDOWS", "")
    windows = record() if not kept else _kept(Path(kept))
    sets = list(sets_of(windows))
    for play in sets:
        SEEN.keep(play)
    result: dict[str, Any] = {
        "command": COMMAND,
        "commit": commit(),
        "hardware": hardware(),
        "windows": len(windows),
        "sets": len(sets),
        "windows_a_set": PER_SET,
        "clean": {},
        "faults": {},
    }
    if faults:  # measured again, beside what is recorded already
        before = json.loads(target.read_text(encoding="utf-8"))
        result["faults"], result["clean"] = before["faults"], before["clean"]
    else:
        result["clean"] = {**false_alarms(sets), "commit": commit()}
        tell(json.dumps(result["clean"], indent=1))
    for fault in faults or FAULTS:
        one = FAULTS[fault]
        caught = [round(share_caught(fault, strength, sets), 3) for strength in one.strengths]
        told = {"strengths": list(one.strengths), "unit": one.unit, "caught": caught, "commit": commit()}
        result["faults"][fault] = told
        tell(f"{fault} {one.strengths} {caught} {time.monotonic() - begun:.0f} s")
        _write(target, result, begun)
    if data := os.environ.get("WAM_ADAPT_TEST_DATA"):
        result["real"] = real_findings(Path(data) / "robot")
    _write(target, result, begun)


def _write(target: Path, result: dict[str, Any], begun: float) -> None:
    result["seconds"] = round(time.monotonic() - begun)
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _kept(path: Path) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Windows of an earlier run, which are recorded first if there are none."""
    if not path.is_file():
        windows = record()
        flat = {
            f"{name}{place}": part for place, some in enumerate(windows) for name, part in zip("asf", some, strict=True)
        }
        np.savez(path, **flat)
    with np.load(path) as stored:
        return [tuple(stored[f"{name}{place}"] for name in "asf") for place in range(WINDOWS)]  # type: ignore[misc]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
