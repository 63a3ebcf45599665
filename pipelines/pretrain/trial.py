"""Try the base out: closed-loop episodes on the tabletop, and errors on windows it was not trained on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from adapt.evaluate.trials import Share
from adapt.models.bases import Base
from adapt.models.batch import collate
from adapt.models.codec import VideoCodec
from adapt.models.world_action import WorldActionModel, transitions
from adapt.policy.opening import actor_of
from adapt.policy.policy import Policy
from adapt.runs.fingerprint import Json
from pipelines.pretrain.action import imagine_futures
from pipelines.pretrain.settings import TrialConfig
from pipelines.pretrain.windows import GEOMETRY, GRIPPER, TrainingSet
from pipelines.sim_try import Trial, measure

HEADS = ("inverse_dynamics", "joint")


def try_out(base: Base, data: TrainingSet, config: TrialConfig) -> dict[str, Json]:
    """Closed-loop success on seen and on held-out tasks by each head, and errors on validation windows."""
    policy = Policy(base, actor_of(base, GRIPPER), video_steps=config.imagine_steps)
    facts: dict[str, Json] = {
        f"{tasks}_{head}": closed_loop(policy, tasks, head, config.episodes)
        for tasks in ("seen", "held-out")
        for head in HEADS
    }
    return facts | {"validation": held_out_errors(data, base, config)}


def closed_loop(policy: Policy | str, tasks: str, head: str, episodes: int) -> dict[str, Json]:
    """What a policy gets done in so many episodes on a set of tasks."""
    trials = measure(policy, Trial(tasks=(tasks,), episodes=episodes, head=head))
    done: Share = trials.success
    return {
        "episodes": done.episodes,
        "successes": done.successes,
        "success": round(done.share, 3),
        "interval": [round(done.low, 3), round(done.high, 3)],
        "progress": round(trials.progress, 3),
    }


def held_out_errors(data: TrainingSet, base: Base, config: TrialConfig) -> dict[str, Json]:
    """Errors on validation windows: imagined video beside copying the last frame, actions from true and imagined."""
    result: dict[str, Json] = {}
    for kind in ("robot", "human", "play"):
        places = data.select("validation", kind)
        places = places[:: max(1, len(places) // config.windows)][: config.windows]
        if not places:
            continue
        world = (base.model, base.text)
        imagined = torch.stack(imagine_futures(data, places, world, seed=1, steps=config.imagine_steps))
        true = torch.stack([data.samples[place].latents[1:] for place in places])
        still = _nothing_happens(base.codec, torch.stack([data.samples[place].latents[:1] for place in places]))
        result[f"{kind}_video_error"] = _square(imagined - true)
        result[f"{kind}_copy_error"] = _square(still - true)
        if kind != "human":
            errors = _action_errors(data, places, base.model, imagined)
            result |= {f"{kind}_{name}": error for name, error in errors.items()}
    return result


def _nothing_happens(codec: VideoCodec, present: Tensor) -> Tensor:
    """Latents of a future in which the present frame stays. Shape (b, 2, c, h, w)."""
    parts = [codec.decode(part).expand(-1, GEOMETRY.frames(1), -1, -1, -1) for part in torch.split(present, 8)]
    return torch.cat([codec.encode(part.contiguous())[:, 1:] for part in parts])


def _action_errors(
    data: TrainingSet, places: Sequence[int], model: WorldActionModel, imagined: Tensor
) -> dict[str, Json]:
    """Mean squared error of normalised actions, all axes together and each; the mean action's beside it."""
    batch = collate([data.samples[place] for place in places], GEOMETRY)
    result: dict[str, Json] = {}
    for name, future in (("true", None), ("imagined", imagined)):
        found = transitions(batch, future)
        assert found is not None
        acted = model.inverse_dynamics.act(found[0], torch.Generator().manual_seed(2))
        error = acted - found[1].actions
        result[f"action_error_on_{name}_future"] = _square(error)
        result[f"action_error_on_{name}_future_by_axis"] = [_square(axis) for axis in error.unbind(-1)]
    actions = batch.actions
    result["action_error_of_mean"] = _square(actions - actions.mean((0, 1)))
    return result


def _square(error: Tensor) -> float:
    return round(float(error.square().mean()), 4)
