"""What is known of one robot between its requests? Where its commands stand, what it was told, and whose turn it is."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapt.errors import ServeError
from adapt.serve.guard import Guard, Kept, Motion

Array = NDArray[np.float64]

_LOST_S = 0.5  # Commands lead the body they are for; by more than it can go in this time, they are not its own.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What a robot is told to do.

    Attributes:
        actions: Absolute, in the body's own units, within its limits. Shape (k, d).
        hold: Whether it is told to stop and stay, rather than what the model says.
        reason: Why it is to hold; empty where it is not.
        limited: Axes on which a limit changed what the model said.
    """

    actions: Array
    hold: bool
    reason: str = ""
    limited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decision:
    """An answer, and where it would leave the robot."""

    answer: Answer
    begun: Motion
    kept: Kept


class Session:
    """One robot at one task.

    Args:
        guard: Its limits.
        seed: With the count of decisions and the prompt, decides the model's noise.
    """

    def __init__(self, guard: Guard, seed: int) -> None:
        self._guard = guard
        self._seed = seed
        self._last: Decision | None = None
        self.decisions = 0

    def next_seed(self, prompt: str) -> int:
        """The seed of the next decision, in [0, 2^48): the same for the same history of prompts."""
        name = f"{self._seed}/{self.decisions}/{prompt}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")

    def start(self, state: Array | None, executed: int | None) -> Motion:
        """Where the commands stand now: after those carried out of the last answer, or where the body is.

        Args:
            state: What the body feels. Shape (s,); None where it was not told.
            executed: How many of the last answer's actions were carried out; None for all.

        Raises:
            ServeError: Limits need a state and there is none, or more was carried out than was sent.
        """
        felt = self._felt(state)
        if self._last is None:
            return Motion.at_rest(felt)
        kept = self._last.kept
        sent = len(kept.commands)
        if executed is not None and executed > sent:
            raise ServeError(f"executed: is {executed}, but the last answer had {sent} actions. Give at most that.")
        done = sent if executed is None else executed
        motion = kept.after(done) if done else self._last.begun
        lost = self._lost(motion, felt)
        return Motion(position=np.where(lost, felt, motion.position), velocity=np.where(lost, 0.0, motion.velocity))

    def follow(self, told: Array, start: Motion) -> Decision:
        """The model's actions within the limits, or what stops the body where they cannot be kept. Shape (k, d)."""
        guard = self._guard
        if not np.isfinite(told).all():
            step, axis = np.argwhere(~np.isfinite(told))[0]
            reason = f"the model's action '{guard.bounds.names[axis]}' at step {step} is not a finite number"
            return self.hold(reason, start, len(told))
        if reason := guard.refuses(start):
            return self.hold(reason, start, len(told))
        kept = guard.follow(guard.to_places(told, start), start)
        limited = tuple(name for name, changed in zip(guard.bounds.names, kept.changed, strict=True) if changed)
        actions = guard.to_told(kept.commands, start) if limited else told
        return Decision(answer=Answer(actions=actions, hold=False, limited=limited), begun=start, kept=kept)

    def hold(self, reason: str, start: Motion, steps: int) -> Decision:
        """Stop within the limits, and stay. A body that is beyond its limits stays where it is."""
        guard = self._guard
        if guard.refuses(start):
            still = np.nan_to_num(start.position)
            start = Motion.at_rest(np.where(guard.bounds.flowing, 0.0, still))
            places = np.tile(start.position, (steps, 1))
            kept = Kept(commands=places, speeds=np.zeros(places.shape), changed=np.ones(places.shape[1], np.bool_))
        else:
            kept = guard.brake(start, steps)
        answer = Answer(actions=guard.to_told(kept.commands, start), hold=True, reason=reason)
        return Decision(answer=answer, begun=start, kept=kept)

    def take(self, decision: Decision) -> None:
        """Remember what the robot was sent."""
        self._last = decision
        self.decisions += 1

    def watch(self) -> None:
        """Somebody else moves the robot: count the decision, and begin the next where the body is."""
        self._last = None
        self.decisions += 1

    def _felt(self, state: Array | None) -> Array:
        """Where the body is, axis by axis; 0 for an axis that it does not feel."""
        bounds = self._guard.bounds
        if state is None and bounds.needs_state:
            raise ServeError("state: is missing, but the body's limits are kept from where it is. Send it.")
        if state is None:
            return np.zeros(len(bounds.names))
        return np.where(bounds.felt >= 0, np.append(state, 0.0)[bounds.felt], 0.0)

    def _lost(self, motion: Motion, felt: Array) -> NDArray[np.bool_]:
        """Axes on which the body is not where its commands are: moved by hand, stopped, or another one. Shape (d,).

        Not those of a gripper, which what it holds keeps from getting there.
        """
        bounds = self._guard.bounds
        lead = np.minimum(bounds.speed * _LOST_S, bounds.acceleration * _LOST_S**2)
        apart = np.abs(motion.position - felt) > lead
        found: NDArray[np.bool_] = apart & (bounds.felt >= 0) & ~bounds.flowing & ~bounds.gripper
        return found
