"""Try the base out: closed-loop episodes on the tabletop, and errors on windows it was not trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapt.embodiment.resample import to_absolute
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics, denormalise, normalise
from adapt.models.batch import collate, pad_text
from adapt.models.codec import VideoCodec
from adapt.models.heads.inverse_dynamics import Transitions
from adapt.models.imagine import Sampling, imagine
from adapt.models.text import TextEncoder
from adapt.models.world_action import WorldActionModel, transitions
from adapt.runs.fingerprint import Json
from adapt.sim.scene import SceneState, Task, gripper, placed, progress, proprioception, render, reset, step
from pipelines.pretrain_action import imagine_futures
from pipelines.pretrain_settings import TrialConfig
from pipelines.pretrain_windows import GEOMETRY, GRIPPER, TrainingSet

EXECUTED = 8  # of the 16 actions of a chunk, before looking again
HORIZON = 64  # control steps of an episode: 6.4 s
_SEEDS = 500_000  # apart from those of training data and demos

Policy = Callable[[Sequence[SceneState], Sequence[Task]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """What acting needs: a codec, a model, its text encoder, and the gripper's scales."""

    codec: VideoCodec
    model: WorldActionModel
    text: TextEncoder
    body: Embodiment
    figures: BodyStatistics
    sampling: Sampling

    def __call__(self, states: Sequence[SceneState], tasks: Sequence[Task]) -> NDArray[np.float64]:
        """Commands for the next chunk of every episode. Shape (episodes, 16, 3)."""
        assert self.figures.actions is not None
        assert self.figures.state is not None
        frames = torch.from_numpy(np.stack([render(state, gripper, 64) for state in states])).unsqueeze(1)
        present = self.codec.encode(frames)
        prompts = [self.body.prompt_for(task.instruction) for task in tasks]
        features = {prompt: self.text.encode([prompt])[0] for prompt in sorted(set(prompts))}
        text = pad_text([features[prompt] for prompt in prompts])
        generator = torch.Generator().manual_seed(0)
        future = imagine(self.model, present, text, self.sampling, generator)
        felt = torch.from_numpy(np.stack([proprioception(state) for state in states])).float()
        seen = Transitions(
            present=present[:, 0],
            future=future,
            state=normalise(felt, self.figures.state).float(),
            has_state=torch.ones(len(states), dtype=torch.bool),
            bodies=(GRIPPER,) * len(states),
        )
        relative = denormalise(self.model.inverse_dynamics.act(seen, generator), self.figures.actions)
        rows = [
            to_absolute(action, state[None], self.body, action_steps=GEOMETRY.action_steps)
            for action, state in zip(relative, felt, strict=True)
        ]
        return torch.stack(rows).double().numpy()


def closed_loop(policy: Policy, tasks: Sequence[Task], episodes: int) -> dict[str, Json]:
    """Success, and progress, of a policy over episodes on fixed seeds, tasks in turn."""
    chosen = [tasks[index % len(tasks)] for index in range(episodes)]
    starts = [reset(np.random.default_rng(_SEEDS + index), task) for index, task in enumerate(chosen)]
    states = list(starts)
    for _ in range(HORIZON // EXECUTED):
        commands = policy(states, chosen)
        for index in range(episodes):
            for command in commands[index, :EXECUTED]:
                states[index] = step(states[index], command)
    return {
        "episodes": episodes,
        "success": _mean([placed(state, task) for state, task in zip(states, chosen, strict=True)]),
        "success_still_held": _mean(
            [placed(state, task, released=False) for state, task in zip(states, chosen, strict=True)]
        ),
        "progress": _mean(
            [progress(now, start, task) for now, start, task in zip(states, starts, chosen, strict=True)]
        ),
    }


def held_out_errors(data: TrainingSet, actor: Actor, config: TrialConfig) -> dict[str, Json]:
    """Errors on validation windows: imagined video beside copying the last frame, actions from true and imagined."""
    result: dict[str, Json] = {}
    for body in sorted({window.embodiment for window in data.windows}):
        places = data.select(split="validation", body=body, chunks=1)[: config.windows]
        if not places:
            continue
        world = (actor.model, actor.text)
        imagined = torch.stack(imagine_futures(data, places, world, seed=1, steps=config.imagine_steps))
        true = torch.stack([data.samples[place].latents[1:] for place in places])
        still = _nothing_happens(actor.codec, torch.stack([data.samples[place].latents[:1] for place in places]))
        result[f"{body}_video_error"] = _square(imagined - true)
        result[f"{body}_copy_error"] = _square(still - true)
        if body == GRIPPER:
            result |= _action_errors(data, places, actor, imagined)
    return result


def _nothing_happens(codec: VideoCodec, present: Tensor) -> Tensor:
    """Latents of a future in which the present frame stays. Shape (b, 2, c, h, w)."""
    parts = [codec.decode(part).expand(-1, GEOMETRY.frames(1), -1, -1, -1) for part in torch.split(present, 8)]
    return torch.cat([codec.encode(part.contiguous())[:, 1:] for part in parts])


def _action_errors(data: TrainingSet, places: Sequence[int], actor: Actor, imagined: Tensor) -> dict[str, Json]:
    """Mean squared error of normalised actions; holding still and the mean action beside it."""
    batch = collate([data.samples[place] for place in places], GEOMETRY)
    result: dict[str, Json] = {}
    for name, future in (("true", None), ("imagined", imagined)):
        found = transitions(batch, future)
        assert found is not None
        acted = actor.model.inverse_dynamics.act(found[0], torch.Generator().manual_seed(2))
        result[f"action_error_on_{name}_future"] = _square(acted - found[1].actions)
    actions = batch.actions
    result["action_error_of_mean"] = _square(actions - actions.mean((0, 1)))
    return result


def _square(error: Tensor) -> float:
    return round(float(error.square().mean()), 4)


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 3)
