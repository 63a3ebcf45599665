"""What a training step costs beyond its mathematics, and what the latent store saves: everything in one run.

    python tests/benchmarks/train_step.py docs/results/train_step.json [--steps N] [--batch-size N]

Run by hand on a quiet machine, in the environment that `make setup` makes. The base "tiny" is trained on its own
replay data as `wam-adapt finetune` does it. Before each step the same step is done bare by a second copy of the model:
forward, backward, AdamW, on batches and noise prepared beforehand (what the inverse-dynamics head draws itself is in
both). All else counts as overhead: reading, collating, drawing noise, clipping, the schedule, curves, determinism,
Lightning. Before every fifth step, which is then not compared, its windows are also encoded anew from frames held in
memory, and its prompts.
"""

import argparse
import contextvars
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from machine import commit, hardware

from adapt.data.samples import Mixture, WindowDataset, generator
from adapt.models.adapters import add_lora
from adapt.models.bases import Base, find_base, load_base
from adapt.models.batch import Batch
from adapt.models.lora import LoraConfig
from adapt.models.noise import Noise, draw_noise
from adapt.train.loop import fit
from adapt.train.losses import ACTION, VIDEO, Objective, by_length
from adapt.train.module import Adaptation, Training
from adapt.train.settings import TrainConfig
from adapt.train.trained import choose_trained
from adapt.types import Sample

WARM_UP = 5  # steps not counted
ENCODING_EVERY = 5  # steps; after one that encodes, memory and caches are another's, so it is not compared


@dataclass(slots=True)
class Clock:
    """Seconds of each kind of work, step by step: on the wall, and of this process's processors."""

    seconds: dict[str, dict[int, tuple[float, float]]] = field(default_factory=dict)

    def time(self, kind: str, step: int, work: Callable[[], Any]) -> Any:
        """Do work of a step and note how long it took."""
        started = now()
        done = work()
        self.note(kind, step, started)
        return done

    def note(self, kind: str, step: int, started: tuple[float, float]) -> None:
        """Note what has gone on since then."""
        wall, processor = now()
        self.seconds.setdefault(kind, {})[step] = (wall - started[0], processor - started[1])

    def told(self, which: int) -> dict[str, Any]:
        """The middle of each kind, and what is wanted of them."""
        compared = [step for step in self.seconds["ours"] if step >= WARM_UP and step % ENCODING_EVERY]
        middle = {
            kind: median(times[step][which] for step in (times if kind == "encoding" else compared))
            for kind, times in self.seconds.items()
        }
        pairs = [tuple(self.seconds[kind][step][which] for kind in ("ours", "bare")) for step in compared]
        return {
            "milliseconds": {kind: round(1e3 * seconds, 2) for kind, seconds in middle.items()},
            # Step by step, since steps have windows of different lengths and the machine is not always as quiet.
            "overhead_share": round(median(ours / bare - 1 for ours, bare in pairs), 4),
            "overhead_share_of_totals": round(sum(o for o, _ in pairs) / sum(b for _, b in pairs) - 1, 4),
            "times_slower_when_encoding_every_step": round(
                (middle["ours"] - middle["reading"] + middle["encoding"]) / middle["ours"], 2
            ),
        }


def now() -> tuple[float, float]:
    """On the wall, and of this process's processors."""
    return time.perf_counter(), time.process_time()


class Bare:
    """The same steps without anything around them."""

    def __init__(self, training: Training, steps: int) -> None:
        self.objective = training.objective
        self.parts = [self._prepared(training.mixture.batch(step), step) for step in range(steps)]
        self.counts = [self.objective.counts(training.mixture.batch(step), []) for step in range(steps)]
        self.optimizer = Adaptation(training).configure_optimizers()

    def _prepared(self, samples: Sequence[Sample], step: int) -> list[tuple[Batch, Noise]]:
        batches = [self.objective.batch(part) for part in by_length(self.objective.prepare(samples, step))]
        shift = self.objective.timesteps.shift
        return [(batch, draw_noise(batch, generator(0, "noise", step), shift=shift)) for batch in batches]

    def step(self, number: int) -> None:
        """Forward, backward, AdamW."""
        model, counts = self.objective.model, self.counts[number]
        self.optimizer.zero_grad(set_to_none=True)
        for batch, noise in self.parts[number]:
            loss = model.losses(batch, noise).video.over(counts[VIDEO])
            action = model.inverse_dynamics_loss(batch, generator(0, "action", number))
            (loss if action is None else loss + action.over(counts[ACTION])).backward()
        self.optimizer.step()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interleaved(Mixture):
    """A mixture that does what is compared whenever a step's samples are asked for, and stops the clock meanwhile."""

    clock: Clock
    bare: Bare
    encode: Callable[[int], Any]
    last: list[tuple[float, float]]

    def batch(self, step: int, places: Sequence[int] | None = None) -> list[Sample]:
        """The samples of a step, after the other kinds of work have been done with them."""
        if self.last:
            self.clock.note("ours", step - 1, self.last[0])
        # A fresh context: training forbids encoders to run, and a plain loop would not ask for determinism.
        contextvars.Context().run(self._others, step)
        self.last[:] = [now()]
        return self.clock.time("reading", step, lambda: Mixture.batch(self, step, places))

    def _others(self, step: int) -> None:
        torch.use_deterministic_algorithms(mode=False)
        with torch.random.fork_rng(devices=[]):
            if step % ENCODING_EVERY == 0:
                self.clock.time("encoding", step, lambda: self.encode(step))
            self.clock.time("bare", step, lambda: self.bare.step(step))
        torch.use_deterministic_algorithms(mode=True)


def main(target: Path, steps: int, batch_size: int) -> None:
    """Time everything and write it down."""
    clock = Clock()
    config = TrainConfig(
        steps=steps, batch_size=batch_size, predicted_future_every=0, validate_every=steps, checkpoint_every=10 * steps
    )
    base = load_base("tiny")
    plans = [plan(config) for _ in range(2)]
    mixture = plans[0].mixture
    bare = Bare(plans[1], steps)
    held = {name: getattr(mixture, name) for name in ("datasets", "shares", "seed", "batch_size")}
    mixed = Interleaved(**held, clock=clock, bare=bare, encode=encoder(base, mixture), last=[])
    with tempfile.TemporaryDirectory() as scratch:
        fit(replace(plans[0], mixture=mixed), scratch=Path(scratch), logs=Path(scratch) / "logs")
    record = {
        "what": "median milliseconds of a training step: bare (forward, backward, AdamW on prepared batches), ours "
        "(all that `wam-adapt finetune` does), reading its windows from the latent store (part of ours), and encoding "
        "them anew from frames in memory; interleaved in one run",
        "command": f"python tests/benchmarks/train_step.py {target} --steps {steps} --batch-size {batch_size}",
        "commit": commit(),
        "hardware": {**hardware(), "threads": torch.get_num_threads()},
        "steps": steps - WARM_UP,
        "batch_size": batch_size,
        "on_the_wall": clock.told(0),
        "of_the_processors": clock.told(1),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(target.read_text())


def plan(config: TrainConfig) -> Training:
    """Tiny with fresh adapters on its own replay data, which has video with and without actions."""
    base = load_base("tiny", parts=("model",))
    model = base.model
    add_lora(model.dit, LoraConfig(), base_id="tiny", revision="")
    replay = find_base("tiny") / "replay"
    data, kept = WindowDataset(replay, "train"), WindowDataset(replay, "validation")
    objective = Objective(model=model, config=config, heads=True, joint=False, seed=0)
    return Training(
        objective=objective,
        trained=choose_trained(model, bodies=set(model.bodies), heads=True, joint=False),
        mixture=Mixture(datasets=[data], shares=[1.0], seed=0, batch_size=config.batch_size),
        validation=replace_windows(kept, 4),
    )


def replace_windows(dataset: WindowDataset, most: int) -> WindowDataset:
    """Fewer windows; validation is not what is timed."""
    dataset.windows = dataset.windows[:most]
    return dataset


def encoder(base: Base, mixture: Mixture) -> Callable[[int], Any]:
    """What encodes a step's windows from frames; noise serves as well as footage."""
    geometry = base.geometry
    canvas = geometry.canvas
    draw = torch.Generator().manual_seed(0)
    longest = torch.randint(
        256, (geometry.frames(geometry.max_chunks), canvas.height, canvas.width, 3), generator=draw, dtype=torch.uint8
    )

    def encode(step: int) -> None:
        windows = mixture.windows(step)
        with torch.no_grad():
            for window in windows:
                base.codec.encode(longest[: geometry.frames(window.chunks)].unsqueeze(0))
            base.text.encode([window.instruction for window in windows])

    return encode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=8)
    asked = parser.parse_args()
    main(asked.target, asked.steps, asked.batch_size)
