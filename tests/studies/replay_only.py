"""Train the base on nothing but its own replay, many times over, and keep each one's errors on held-out windows.

    python tests/studies/replay_only.py tests/studies/replay_only.safetensors --trainings 1200

Run by hand: two seconds a training on one core. Such trainings differ by their seed alone, so whatever is called a gain
of some over others is a false one; `judged.py` counts how often that happens. Reduced in size: 20 steps of 4 windows
of one chunk, 4 solver steps to imagine.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from adapt.data.encoded import Encoded, read_encoded
from adapt.data.samples import Mixture, WindowDataset
from adapt.evaluate.imagining import Draw, imagine_samples
from adapt.evaluate.metrics import latent_error
from adapt.models.adapters import add_lora
from adapt.models.bases import find_base, load_base
from adapt.models.checkpoint import read_tensors, write_tensors
from adapt.models.lora import LoraConfig
from adapt.models.world_action import WorldActionModel
from adapt.train.loop import fit
from adapt.train.losses import Objective
from adapt.train.module import Training
from adapt.train.settings import TrainConfig
from adapt.train.trained import choose_trained

STEPS, BATCH, RANK, VIDEO_STEPS = 20, 4, 8, 4
LATENT, ACTION = "latent_error", "action_error"
SESSION = "session"


class OneChunk(WindowDataset):
    """The windows of one chunk."""

    def __init__(self, encoded: Encoded, split: str | None, *, most: int | None = None) -> None:
        super().__init__(encoded, split)
        self.windows = tuple(window for window in self.windows if window.chunks == 1)[:most]


def replay() -> Encoded:
    """The replay data that ships with the base "tiny"."""
    return read_encoded(find_base("tiny") / "replay")


def trained_model(seed: int, data: WindowDataset, *, steps: int = STEPS) -> WorldActionModel:
    """The base "tiny" after a short training on some windows; `seed` decides adapters, order and noise."""
    model = load_base("tiny", parts=("model",)).model
    add_lora(model.dit, LoraConfig(rank=RANK, alpha=2.0 * RANK), base_id="tiny", revision="", seed=seed)
    config = TrainConfig(steps=steps, batch_size=BATCH, predicted_future_every=0)
    training = Training(
        objective=Objective(model=model, config=config, heads=True, joint=False, seed=seed),
        trained=choose_trained(model, bodies=data.encoded.embodiments, heads=True, joint=False),
        mixture=Mixture(datasets=[data], shares=[1.0], seed=seed, batch_size=BATCH),
        validation=OneChunk(data.encoded, "train", most=0),  # Nothing chooses a step: the last is kept.
    )
    with tempfile.TemporaryDirectory() as scratch:
        fit(training, scratch=Path(scratch), logs=None)
    return model


def held_out_errors(model: WorldActionModel, data: WindowDataset) -> dict[str, Tensor]:
    """Errors of the imagined latents and of the actions read from them, a number a window."""
    samples = [data[place] for place in range(len(data))]
    answers = imagine_samples(model, samples, Draw(video_steps=VIDEO_STEPS, seed=0))
    video, action = [], []
    for sample, answer in zip(samples, answers, strict=True):
        assert sample.actions is not None
        assert answer.actions is not None
        video.append(latent_error(answer.latents, sample.latents[1:]).mean())
        action.append((answer.actions - sample.actions).abs().mean() / 2)  # Normalised actions run from -1 to 1.
    return {LATENT: torch.stack(video), ACTION: torch.stack(action)}


def main() -> None:
    """Train, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trainings", type=int, default=1200)
    given = parser.parse_args()
    torch.set_num_threads(1)
    train, held_out = OneChunk(replay(), "train"), OneChunk(replay(), "validation")
    rows = _read(given.out) or [held_out_errors(load_base("tiny", parts=("model",)).model, held_out)]
    sessions = [window.session for window in held_out.windows]
    started = time.monotonic()
    for seed in range(len(rows), given.trainings + 1):
        rows.append(held_out_errors(trained_model(seed, train), held_out))
        if seed % 20 == 0:
            sys.stderr.write(f"{seed} trainings, {time.monotonic() - started:.0f} s\n")
            _write(given.out, rows, sessions)
    _write(given.out, rows, sessions)


def _read(path: Path) -> list[dict[str, Tensor]]:
    """What an earlier run has done; the script goes on from there."""
    if not path.is_file():
        return []
    stored = read_tensors(path)
    return [{name: stored[name][row] for name in (LATENT, ACTION)} for row in range(len(stored[LATENT]))]


def _write(path: Path, rows: list[dict[str, Tensor]], sessions: list[str]) -> None:
    """Row 0 is the base itself; row n the training with seed n. Windows of one session have the same number."""
    errors, names = {name: torch.stack([row[name] for row in rows]) for name in (LATENT, ACTION)}, sorted(set(sessions))
    write_tensors(path, errors | {SESSION: torch.tensor([names.index(session) for session in sessions])})


if __name__ == "__main__":
    main()
