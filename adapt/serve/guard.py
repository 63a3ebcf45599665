"""May the body do this? Commands brought within their limits, whatever they are, without losing the way to stop.

Every command keeps, exactly as a float64 tells it: low <= c <= high; |c - last| * rate <= speed; and the change of that
speed within the acceleration. Cutting each of these alone would not do: who arrives at a joint's end with full speed
can keep either the range or the acceleration, not both. So a command is only ever as fast as leaves room to brake. As
long as the start can be kept within limits, every command after it can, and if it cannot, `Guard.refuses` says which
axis is at fault. Nor does a body that lags behind what is asked shoot past it: it catches up only as fast as lets it
arrive with the speed that the targets go on with.

Source:
    The discrete-time braking curve of trapezoidal speed profiles (Biagiotti and Melchiorri 2008, Trajectory Planning
    for Automatic Machines and Robots, ch. 3), solved for the fastest speed that can still be braked within a distance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapt.serve.bounds import Bounds

Array = NDArray[np.float64]
Inside = Callable[[Array], NDArray[np.bool_]]

# Kept free below each limit, so that what rounding does stays within it: braking is planned with a little less than
# may be used, and that is a little less than is allowed.
_USED, _PLANNED = 1 - 1e-6, 1 - 2e-6
_STILL = 1e-9  # share of the speed limit, or units per second, that counts as standing
_FARTHEST = 1e300  # units per second; what is asked beyond it is not a number soon after
_MOST_ROOM = 1e100  # units; there is no braking for as long as that
_MOST_BRAKING = 10_000  # steps; no body needs so many


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """Where the commands are, and how fast they change."""

    position: Array  # (d,), own units
    velocity: Array  # (d,), per second

    @classmethod
    def at_rest(cls, position: Array) -> "Motion":
        """Standing still somewhere. Shape (d,)."""
        return cls(position=position.astype(np.float64), velocity=np.zeros(len(position)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Commands within limits, and how far they are from what was asked."""

    commands: Array  # (k, d), as places, whatever the axes are told as
    speeds: Array  # (k, d), with which each command is come to
    changed: NDArray[np.bool_]  # (d,): whether a limit changed the axis anywhere

    def after(self, count: int) -> Motion:
        """Where the body is after so many commands, at least 1."""
        return Motion(position=self.commands[count - 1], velocity=self.speeds[count - 1])


class Guard:
    """Keeps a body within its limits. All is counted in places; `Bounds.increment` axes are turned by `to_places`.

    Args:
        bounds: The limits.
        rate_hz: Commands per second.
        inside: Whether each of n poses, shape (n, d), lies in the workspace: for bodies that are told joints, what
            their kinematics says of them. A command is only given if it and the way to stop after it lie inside.

    Raises:
        ValueError: The rate is not above 0; or poses are to be looked at, but an axis is told as a speed.
    """

    def __init__(self, bounds: Bounds, rate_hz: float, inside: Inside | None = None) -> None:
        if not rate_hz > 0:
            raise ValueError(f"rate_hz is {rate_hz}; give a number above 0")
        if inside is not None and bounds.flowing.any():
            raise ValueError("inside is given, but axes that are told as speeds make no pose; leave it out")
        self.bounds, self.rate_hz = bounds, rate_hz
        self._inside = inside
        self._step_s = 1.0 / rate_hz
        self._free = inside is None and len(bounds.unlimited) == len(bounds.names)

    def refuses(self, start: Motion) -> str:
        """Why limits cannot be kept from here; empty where they can.

        A start beyond a range by less than one step can make up for is no obstacle: the first command leads back.
        """
        bounds = self.bounds
        known = np.isfinite(start.position) & np.isfinite(start.velocity)
        if not known.all():
            return f"where '{bounds.names[int(np.flatnonzero(~known)[0])]}' is, is not a finite number"
        slow, fast = self._reach(start)
        for place in np.flatnonzero(slow > fast):
            return (
                f"'{bounds.names[place]}' is at {start.position[place]:.6g} and cannot be kept within "
                f"{bounds.low[place]:.6g} to {bounds.high[place]:.6g} at the speed and acceleration it is allowed"
            )
        if self._inside is not None and not self._can_stop(start):
            return "the body is outside its workspace, or too fast to stop within it"
        return ""

    def follow(self, targets: Array, start: Motion) -> Kept:
        """Commands as near to the targets as limits let them be.

        Args:
            targets: Places asked for, one row a step. A row that is not finite asks to stay. Shape (k, d).
            start: The last command and its speed, which `refuses` has nothing against.
        """
        if self._free and np.isfinite(targets).all():
            return self._follow_freely(targets, start)
        commands, speeds, motion = np.empty(targets.shape), np.empty(targets.shape), start
        with np.errstate(all="ignore"):  # Targets may be anything.
            flows = np.diff(targets, axis=0) * self.rate_hz
        flows = np.concatenate([flows, flows[-1:]]) if len(flows) else np.full(targets.shape, np.nan)
        for row, target in enumerate(targets):
            motion = self.step(target, motion, flows[row])
            commands[row], speeds[row] = motion.position, motion.velocity
        return Kept(commands=commands, speeds=speeds, changed=(commands != targets).any(axis=0))

    def step(self, target: Array, motion: Motion, flow: Array) -> Motion:
        """One command, as `follow` gives it: after it the body is at `position`.

        Args:
            target: The place asked for. Shape (d,).
            motion: The last command and its speed.
            flow: How fast targets go on from there, per second; nan where nobody knows. Shape (d,).
        """
        if not np.isfinite(target).all():
            return self._stop(motion)
        after = self._towards(target, motion, flow)
        return after if self._inside is None or self._can_stop(after) else self._stop(motion)

    def brake(self, start: Motion, steps: int) -> Kept:
        """Commands that stop as fast as limits allow, and stay. Shape (steps, d)."""
        shape, motion = (steps, len(self.bounds.names)), start
        commands, speeds = np.empty(shape), np.empty(shape)
        for row in range(steps):
            motion = self._stop(motion)
            commands[row], speeds[row] = motion.position, motion.velocity
        return Kept(commands=commands, speeds=speeds, changed=np.ones(commands.shape[1], np.bool_))

    def to_places(self, told: Array, start: Motion) -> Array:
        """A model's rows as places: increments are added up from the start. Shape (k, d)."""
        return np.where(self.bounds.increment, start.position + np.cumsum(told, axis=0), told)

    def to_told(self, places: Array, start: Motion) -> Array:
        """Undo `to_places`. Shape (k, d)."""
        steps = np.diff(places, axis=0, prepend=start.position[None])
        return np.where(self.bounds.increment, steps, places)

    def _follow_freely(self, targets: Array, start: Motion) -> Kept:
        """As `follow`, where there are no limits."""
        with np.errstate(over="ignore"):
            speeds = np.clip(
                np.diff(targets, axis=0, prepend=start.position[None]) * self.rate_hz, -_FARTHEST, _FARTHEST
            )
        return Kept(commands=targets, speeds=speeds, changed=np.zeros(targets.shape[1], np.bool_))

    def _stop(self, motion: Motion) -> Motion:
        """Stay at the place one is at, or come to no speed."""
        rest = np.where(self.bounds.flowing, 0.0, motion.position)
        return self._towards(rest, motion, np.zeros(len(rest)))

    def _towards(self, target: Array, motion: Motion, flow: Array) -> Motion:
        slow, fast = self._reach(motion)
        slow = np.minimum(slow, fast)  # Equal but for rounding.
        with np.errstate(over="ignore"):
            direct = np.clip((target - motion.position) * self.rate_hz, -_FARTHEST, _FARTHEST)
            wanted = self._approach(direct, flow)
            near = motion.position + np.clip(wanted, slow, fast) * self._step_s
            place = np.where((wanted == direct) & (slow <= direct) & (direct <= fast), target, near)
            place = np.clip(place, self.bounds.low, self.bounds.high)
            place = np.where(np.isfinite(place), place, motion.position)
            velocity = np.clip((place - motion.position) * self.rate_hz, -_FARTHEST, _FARTHEST)
        return Motion(position=place, velocity=velocity)

    def _approach(self, direct: Array, flow: Array) -> Array:
        """The speed that leads to the target, or towards it where arriving at once would mean to shoot past it.

        With the targets going on at u, and D(r) the way of one step at r and of braking from it, v = u + r closes the
        gap to the target and ends on it if D(r) is the gap less u's share of it.
        """
        most = np.minimum(self.bounds.speed, _FARTHEST)
        onward = np.clip(np.where(np.isfinite(flow), flow, direct), -most, most)
        ahead = direct - onward
        is_gentle = np.abs(ahead) <= self.bounds.acceleration * _USED * self._step_s
        return np.where(is_gentle, direct, onward + np.sign(ahead) * self._fastest(np.abs(ahead) * self._step_s))

    def _reach(self, motion: Motion) -> tuple[Array, Array]:
        """Lowest and highest speed of the next step after which everything can still be kept. Shapes (d,), (d,)."""
        bounds = self.bounds
        change = bounds.acceleration * _USED * self._step_s
        top = bounds.speed * _USED
        slow = np.maximum.reduce([-top, motion.velocity - change, -self._fastest(motion.position - bounds.low)])
        fast = np.minimum.reduce([top, motion.velocity + change, self._fastest(bounds.high - motion.position)])
        return slow, fast

    def _fastest(self, room: Array) -> Array:
        """Highest speed of one step after which braking ends within `room`. Shape (d,).

        Braking at a per second squared, steps of t seconds go v t, (v - a t) t, (v - 2 a t) t, ...: with n such
        further steps (n + 1) v t - a t^2 n (n + 1) / 2 in all. Where room is negative, the step that makes up for it.
        """
        step_s, with_brake = self._step_s, np.isfinite(self.bounds.acceleration) & np.isfinite(room) & (room > 0)
        with np.errstate(over="ignore"):
            plain = room / step_s
        room = np.minimum(room, _MOST_ROOM)
        braking = np.where(with_brake, self.bounds.acceleration * _PLANNED, 1.0) * step_s
        ways = np.where(with_brake, room, 0.0) / (braking * step_s)
        further = np.floor((np.sqrt(1 + 8 * ways) - 1) / 2)
        braked = (np.where(with_brake, room, 0.0) / step_s + braking * further * (further + 1) / 2) / (further + 1)
        return np.where(with_brake, braked, plain)

    def _can_stop(self, motion: Motion) -> bool:
        """Whether a pose, and all poses on the way to a stop from there, lie in the workspace."""
        assert self._inside is not None
        poses = [motion.position]
        still = _STILL * np.where(np.isfinite(self.bounds.speed), self.bounds.speed, 1.0)
        while (np.abs(motion.velocity) > still).any():
            motion = self._stop(motion)
            poses.append(motion.position)
            if len(poses) > _MOST_BRAKING:
                return False
        return bool(np.all(self._inside(np.array(poses))))
