"""What is a study on the tabletop to do? The typed plan, written down before anything is trained; light to import.

The command line composes it from recipes/tabletop/*.yaml; `pipelines.tabletop.study` carries it out and, once episodes
have been run, refuses another in its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapt.data.windows import WindowConfig
from adapt.errors import RecipeError
from adapt.evaluate.closed_loop_arms import PLAY_ARMS, SWEEP_ARMS, VIDEO_ARMS
from adapt.hands.quality import HandConfig
from adapt.models.lora import LoraConfig
from adapt.train.settings import TrainConfig

CLAIM_ARMS = {"video": VIDEO_ARMS, "play": PLAY_ARMS, "sweep": SWEEP_ARMS}
HEADS = ("inverse_dynamics", "joint", "both")
RECORDINGS = ("labelled", "play")
TASKS = ("held-out", "seen", "all")
MOST_MINUTES = 10_000.0  # of recordings: a week


@dataclass(slots=True, kw_only=True)
class RecordingConfig:
    """What is recorded to adapt with.

    Args:
        minutes: Of video of each kind; for play, what each condition says instead.
        demonstrations: As many of each kind instead of so many minutes, where these would hold fewer the slower
            they are; 0 goes by minutes.
        sessions: Recording sessions the videos are spread over.
        seed: Of the scenes; apart from those of pretraining and of the trials.
    """

    minutes: float = 15.0
    demonstrations: int = 0
    sessions: int = 10
    seed: int = 7_000_000

    def __post_init__(self) -> None:
        for name in ("minutes", "sessions"):
            if getattr(self, name) <= 0:
                raise RecipeError(f"recording.{name} is {getattr(self, name)}; give a number above 0.")
        if self.demonstrations < 0:
            raise RecipeError(f"recording.demonstrations is {self.demonstrations}; give 0 or more.")


@dataclass(slots=True, kw_only=True)
class HandGapConfig:
    """How the human differs from the robot beyond its looks; 0 is not at all, 1 strongly.

    Args:
        looks: Of hand and scene.
        timing: Pace and pauses.
        path: Detours.
        offset: Of the hand's grasp from the tool's.
        habit: From one demonstration to the next: pace, height, place in the zone.
    """

    looks: float = 0.0
    timing: float = 0.0
    path: float = 0.0
    offset: float = 0.0
    habit: float = 0.0

    def __post_init__(self) -> None:
        for name in ("looks", "timing", "path", "offset", "habit"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise RecipeError(f"gap.{name} is {getattr(self, name)}; choose 0 (none) to 1 (strong).")


@dataclass(slots=True, kw_only=True)
class TrialConfig:
    """The episodes that every arm acts in.

    Args:
        tasks: Those in question: "held-out", "seen" or "all"; each as often as the others, or once more.
        episodes: Different ones, the same for all arms, seeds and heads.
        seen_episodes: On the tasks that the base knows, to tell what was forgotten; 0 for none.
        first_seed: Seed of the first episode's scene; the others follow.
        steps: Control steps of an episode.
        executed: Control steps of each plan that are carried out before looking again.
        video_steps: Solver steps for imagining a chunk.
    """

    tasks: str = "held-out"
    episodes: int = 252
    seen_episodes: int = 252
    first_seed: int = 900_000
    steps: int = 80
    executed: int = 8
    video_steps: int = 8

    def __post_init__(self) -> None:
        for name, least in (("episodes", 1), ("seen_episodes", 0), ("steps", 1), ("executed", 1), ("video_steps", 1)):
            if getattr(self, name) < least:
                raise RecipeError(f"trials.{name} is {getattr(self, name)}; give at least {least}.")
        if self.tasks not in TASKS:
            raise RecipeError(f"trials.tasks is '{self.tasks}'; choose one of: {', '.join(TASKS)}.")


@dataclass(slots=True, kw_only=True)
class ScratchConfig:
    """Training from nothing, on the new robot's recordings alone, until it gets no better.

    Args:
        steps: At most; the best step on held-out windows is kept.
        learning_rate: Peak rate for the whole model.
        validate_every: Steps between looks at the held-out windows.
    """

    steps: int = 6000
    learning_rate: float = 1.5e-3
    validate_every: int = 250

    def __post_init__(self) -> None:
        for name in ("steps", "learning_rate", "validate_every"):
            if getattr(self, name) <= 0:
                raise RecipeError(f"scratch.{name} is {getattr(self, name)}; give a number above 0.")


@dataclass(slots=True, kw_only=True)
class SweepConfig:
    """A curve: the same comparison under several values of one key.

    Args:
        key: Of this plan, such as "gap.timing", "recording.minutes" or "base"; empty for no sweep.
        values: What it is set to, one after the other.
    """

    key: str = ""
    values: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if bool(self.key) != bool(self.values):
            raise RecipeError(f"sweep.key is '{self.key}' with {len(self.values)} values; give both or neither.")


@dataclass(slots=True, kw_only=True)
class JudgingConfig:
    """How it is judged; the same numbers decide beforehand what counts.

    Args:
        target_gain: Gain of the success rate that is aimed at, from 0 to 1.
        confidence: Share of repetitions in which an interval holds the truth.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """

    target_gain: float = 0.3
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0


@dataclass(slots=True, kw_only=True)
class TabletopConfig:
    """A study on the tabletop, whole: nothing that decides its outcome is said elsewhere.

    Args:
        claim: "video" (does action-free video teach the robot?), "play" (does the base help a new robot?), or "sweep"
            (where does video begin to teach?).
        base: The base: "tiny", or the folder of another.
        arms: What is compared.
        heads: That act; the first makes the verdict.
        heads_of: Arms that act with every head; the others with the first alone.
        seeds: Trainings of each arm, from the seeds 0, 1, ...
        conditions: Of a study of play: "labelled 30" or "play 30", by minutes; the first makes the verdict.
        recording: What is recorded to adapt with.
        gap: How the human differs from the robot.
        trials: The episodes every arm acts in.
        scratch: Training from nothing.
        sweep: The key that a sweep changes.
        judging: What counts.
        windows: How recordings are cut.
        hands: Which windows of human video are kept.
        lora: Low-rank adapters.
        train: Training of every arm but from nothing: the same steps for all.
    """

    claim: str = "video"
    base: str = "tiny"
    arms: list[str] = field(default_factory=lambda: list(VIDEO_ARMS))
    heads: list[str] = field(default_factory=lambda: list(HEADS))
    heads_of: list[str] = field(default_factory=list)
    seeds: int = 5
    conditions: list[str] = field(default_factory=list)
    recording: RecordingConfig = field(default_factory=RecordingConfig)
    gap: HandGapConfig = field(default_factory=HandGapConfig)
    trials: TrialConfig = field(default_factory=TrialConfig)
    scratch: ScratchConfig = field(default_factory=ScratchConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    judging: JudgingConfig = field(default_factory=JudgingConfig)
    windows: WindowConfig = field(default_factory=WindowConfig)
    hands: HandConfig = field(default_factory=HandConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if self.claim not in CLAIM_ARMS:
            raise RecipeError(f"claim is '{self.claim}'; choose one of: {', '.join(CLAIM_ARMS)}.")
        known = CLAIM_ARMS[self.claim]
        _require_of("arms", self.arms, known)
        _require_of("heads", self.heads, HEADS)
        if self.heads_of:
            _require_of("heads_of", self.heads_of, self.arms)
        if self.seeds < 1:
            raise RecipeError(f"seeds is {self.seeds}; give at least 1, or 3 for a verdict.")
        for kind, name, there in (("sweep", "sweep.key", self.sweep.key), ("play", "conditions", self.conditions)):
            if (self.claim == kind) != bool(there):
                raise RecipeError(
                    f"claim is '{self.claim}' and {name} {there or 'empty'}; '{kind}', and only it, has one. "
                    f"Set or empty {name}."
                )
        for condition in self.conditions:
            read_condition(condition)
        # One spelling for one plan, whatever order its arms were named in.
        self.arms = [arm for arm in known if arm in self.arms]


def _require_of(name: str, values: Sequence[str], allowed: Sequence[str]) -> None:
    unknown = [value for value in values if value not in allowed]
    if not values or unknown:
        found = f"has '{unknown[0]}'" if unknown else "is empty"
        raise RecipeError(f"{name} {found}; choose among: {', '.join(allowed)}.")


def read_condition(text: str) -> tuple[str, float]:
    """Kind of recording and minutes, of a text such as "labelled 30".

    Raises:
        RecipeError: It is neither.
    """
    kind, _, minutes = text.partition(" ")
    try:
        if kind in RECORDINGS and 0 < float(minutes) <= MOST_MINUTES:
            return kind, float(minutes)
    except ValueError:
        pass
    raise RecipeError(f"conditions has '{text:.60}'; write it as 'labelled 30' or 'play 30', by minutes.")
