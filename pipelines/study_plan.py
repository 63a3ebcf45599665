"""What is a study to train? Its arms and seeds, what each arm's data is, and which arms cannot be made and why.

Arms are matched: the same steps, batches, adapters, heads and rates; and for the same seed the same fresh weights, the
same places in each batch for new data and for replay, the same windows in the replay's places, and, where the data has
the same windows, the same ones in the same order with the same noise and the same lost instructions, since all of that
hangs on the seed, the step and the window's id alone. Only what stands in the new data's place differs.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from adapt.data.altered import Exchange, ShuffledInTime, exchange, prompt_of, with_instructions
from adapt.data.clip_table import CLIP_TABLE, read_clip_table
from adapt.data.encoded import Encoded, read_encoded
from adapt.data.samples import WindowDataset
from adapt.evaluate.study_settings import ABOUT, BASE, REPLAY, SHUFFLED, WRONG
from adapt.models.bases import load_base
from adapt.runs.cache import Cache
from adapt.runs.stage import read_manifest, require_consistent, require_intact
from adapt.train.settings import HOW_NOT_WHAT
from pipelines import finetune
from pipelines.encode import base_fingerprint
from pipelines.job import Job
from pipelines.replay import Replay, find_replay

VERSION = 1  # Raise by hand when the same inputs would give another training.
# Settings that change how a training is worked through, not what comes of it: a study keeps the last step.
_MEANS = (*HOW_NOT_WHAT, "checkpoint_every", "validate_every", "validation_windows")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArm:
    """An arm that was asked for."""

    name: str
    problem: str  # why it is not applicable; empty where it can be made

    @property
    def about(self) -> str:
        """The arm in words."""
        return ABOUT[self.name]

    @property
    def trained(self) -> bool:
        """Whether it is a training; the base is not."""
        return self.name != BASE


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study of a run, before anything is trained.

    Attributes:
        job: The run.
        ingest: Its ingest stage's result.
        encode: Its encode stage's result.
        replay: Its replay data.
        swap: The instructions of the arm "wrong".
        arms: Those asked for.
        seeds: Of the trainings; the same for every arm.
    """

    job: Job
    ingest: Path
    encode: Path
    replay: Replay
    swap: Exchange
    arms: tuple[PlannedArm, ...]
    seeds: tuple[int, ...]

    @property
    def made(self) -> tuple[PlannedArm, ...]:
        """The arms that can be made."""
        return tuple(arm for arm in self.arms if not arm.problem)

    @property
    def trainings(self) -> tuple[tuple[PlannedArm, int], ...]:
        """Every training; all arms of a seed before the next seed, so that a study cut short compares whole seeds."""
        return tuple((arm, seed) for seed in self.seeds for arm in self.made if arm.trained)

    @cached_property
    def encoded(self) -> Encoded:
        """The new data, opened once and found to be what was written."""
        require_intact(self.encode)
        return read_encoded(self.encode)

    @cached_property
    def prompts(self) -> Mapping[str, Any]:
        """Embeddings of the instructions that the arm "wrong" borrows; the run's encode stage does not hold them."""
        if not self.swap.borrowed:
            return {}
        body = next(iter(self.encoded.embodiments))
        wanted = sorted({prompt_of(self.encoded, body, told) for told in self.swap.instead_of.values()})
        text = load_base(self.job.recipe.base, parts=("text",)).text
        return dict(zip(wanted, text.encode(wanted), strict=True))

    def data(self, arm: str) -> WindowDataset:
        """What an arm sees in the place of the new data's training windows."""
        if arm == REPLAY:
            assert self.replay.folder is not None  # Else the arm is not applicable.
            return WindowDataset(self.replay.folder, "train")
        if arm == WRONG:
            return WindowDataset(with_instructions(self.encoded, self.swap, self.prompts), "train")
        return ShuffledInTime(self.encoded, "train") if arm == SHUFFLED else WindowDataset(self.encoded, "train")

    def no_windows(self) -> WindowDataset:
        """A validation set without windows: nothing that is judged later chooses what is kept."""
        return WindowDataset(replace(self.encoded, windows=()), None)

    def inputs(self, arm: str, seed: int) -> dict[str, Any]:
        """All that decides the training of an arm from a seed."""
        recipe, encode = self.job.recipe, read_manifest(self.encode)
        train = {name: value for name, value in asdict(recipe.train).items() if name not in _MEANS}
        # Training without the new data depends on it in the bodies that the heads are given, and in nothing else.
        bodies = encode["files"]["embodiments.json"]
        return {
            "arm": arm,
            "seed": seed,
            "new": bodies if arm == REPLAY else encode["key"],
            "instead_of": dict(self.swap.instead_of) if arm == WRONG else {},
            "base": base_fingerprint(recipe.base),
            "replay": [self.replay.origin, self.replay.key],
            "kind": self.job.kind,
            "lora": asdict(recipe.lora),
            "train": train,
            "version": [finetune.VERSION, VERSION],
        }


def make_plan(job: Job, cache: Cache) -> Plan:
    """What a study of a run consists of.

    Args:
        job: The run; its recipe says which arms and how many seeds.
        cache: Remembers digests.

    Raises:
        RunError: The run has not been encoded, or with another base.
        DataError: The replay data is not there, or belongs to another base.
    """
    stages = require_consistent(job.run_folder, ("ingest", "encode"))
    finetune.require_encoders(job, stages["encode"])
    replay = find_replay(job, cache)
    swap = _exchange(stages["encode"], replay)
    problems = {
        REPLAY: "there is no replay data (--replay none)" if replay.folder is None else "",
        WRONG: swap.problem,
    }
    return Plan(
        job=job,
        ingest=stages["ingest"],
        encode=stages["encode"],
        replay=replay,
        swap=swap,
        arms=tuple(PlannedArm(name=name, problem=problems.get(name, "")) for name in job.recipe.study.arms),
        seeds=tuple(job.recipe.seed + number for number in range(job.recipe.study.seeds)),
    )


def _exchange(encode: Path, replay: Replay) -> Exchange:
    tables = [encode, *([] if replay.folder is None else [replay.folder])]
    told = [[w.instruction for w in read_clip_table(folder / CLIP_TABLE) if w.split == "train"] for folder in tables]
    return exchange(told[0], told[1] if len(told) > 1 else ())
