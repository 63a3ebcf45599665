"""What decides the shipped base? The typed recipe of `wam-adapt pretrain`; light, so that the command line may read it.

The command line composes it from recipes/pretrain/*.yaml; `pipelines.pretrain.make.run(config, out)` carries it out.
"""

from dataclasses import dataclass, field

from adapt.errors import RecipeError


@dataclass(slots=True, kw_only=True)
class DrawConfig:
    """How much of the tabletop is drawn.

    Args:
        robot_episodes: Labelled expert episodes of the gripper, 5.6 s each, over the seen tasks.
        human_episodes: The same by the hand, without actions.
        play_episodes: Gripper play without a task, 16 s each.
        astray_share: Share of the gripper's episodes that begin where somebody reached beside the block, or played.
    """

    robot_episodes: int = 2520
    human_episodes: int = 1008
    play_episodes: int = 500
    astray_share: float = 0.4


@dataclass(slots=True, kw_only=True)
class CodecTraining:
    """Training of the video autoencoder.

    Args:
        steps: Optimiser steps.
        batch_size: Clips of nine frames in a step.
        learning_rate: At its highest.
        drawn_share: Share of the episodes of each kind, from the first on, that it learns from; the held-out ones are
            the last.
        scene_share: Share of clips cut from the tabletop; the others are textures made up on the spot.
        repainted_share: Share of the tabletop's clips whose red, green and blue are exchanged.
        latent_noise: Deviation of the noise that latents are decoded through, where theirs is about 1.
        taken_from: A base whose codec is kept instead, so that latents mean the same in both; empty to train one.
    """

    steps: int = 7000
    batch_size: int = 6
    learning_rate: float = 2e-3
    drawn_share: float = 0.5
    scene_share: float = 0.85
    repainted_share: float = 0.1
    latent_noise: float = 0.1
    taken_from: str = ""


@dataclass(slots=True, kw_only=True)
class WindowPlan:
    """Which windows are cut from the episodes and encoded.

    Args:
        starts: One-chunk windows from each episode, at different starts.
        play_starts: One-chunk windows from each play episode.
        resting_share: Share of an expert episode's one-chunk windows that begin when all is done already.
        long_share: Share of episodes that also give one window as long as fits, up to four chunks.
    """

    starts: int = 12
    play_starts: int = 40
    resting_share: float = 0.12
    long_share: float = 0.3


@dataclass(slots=True, kw_only=True)
class WorldTraining:
    """Training of the joint video-action transformer and the text encoder.

    Args:
        steps: Optimiser steps.
        batch_size: Windows in a step.
        human_share: Share of them that show the hand.
        play_share: Share of them that show the gripper's play.
        long_every: Every so many steps the windows are long ones, a quarter as many.
        matrix_rate: Learning rate of the blocks' matrices at its highest; they are trained by Muon.
        learning_rate: The same of everything else, which AdamW trains.
        joint_weight: Weight of the joint action loss beside the video loss.
        joint_from: Share of the steps after which the joint head is trained; without it a step is a quarter shorter.
        text_drop: Share of windows whose instruction is hidden, for guidance.
        freeze_text_at: Share of the steps after which the text encoder stays as it is.
        begun_from: A base that training goes on from, heads included; empty to begin with fresh weights.
    """

    steps: int = 12000
    batch_size: int = 64
    human_share: float = 0.25
    play_share: float = 0.1
    long_every: int = 8
    matrix_rate: float = 1e-2
    learning_rate: float = 1.5e-3
    joint_weight: float = 0.3
    joint_from: float = 0.7
    text_drop: float = 0.1
    freeze_text_at: float = 0.5
    begun_from: str = ""


@dataclass(slots=True, kw_only=True)
class ActionTraining:
    """Training of the inverse-dynamics head.

    Args:
        steps: Optimiser steps.
        batch_size: Windows in a step.
        learning_rate: At its highest.
        play_share: Share of the recorded futures that are play, which goes everywhere and grips anywhere.
        noised_share: Share of futures that are true ones with noise added.
        predicted_share: Share of futures that the transformer imagined.
        imagined_windows: Windows whose future is imagined once, before training.
    """

    steps: int = 6000
    batch_size: int = 64
    learning_rate: float = 1e-3
    play_share: float = 0.6
    noised_share: float = 0.3
    predicted_share: float = 0.25
    imagined_windows: int = 3000


@dataclass(slots=True, kw_only=True)
class TrialConfig:
    """How the base is tried out when it is done.

    Args:
        episodes: Closed-loop episodes on seen tasks, and again on held-out ones.
        windows: Validation windows for video and action errors.
        imagine_steps: Euler steps of the imagined video.
    """

    episodes: int = 252
    windows: int = 96
    imagine_steps: int = 8


@dataclass(slots=True, kw_only=True)
class ReplayPlan:
    """Which of the gripper's windows ship with the base, for adapting to mix in.

    Args:
        windows: Of one chunk.
        long_windows: Of several.
        held_out: As many of each that no training has seen, to tell what adapting made it forget.
    """

    windows: int = 400
    long_windows: int = 60
    held_out: int = 20


@dataclass(slots=True, kw_only=True)
class PretrainConfig:
    """Everything that decides a base trained on the tabletop.

    Args:
        seed: Seed of everything drawn at random.
        draw: What is drawn.
        codec: Training of the video autoencoder.
        windows: Which windows are cut and encoded.
        world: Training of the video-action transformer.
        action: Training of the inverse-dynamics head.
        trial: The closing test.
        replay: What of the windows ships with the base.
    """

    seed: int = 0
    draw: DrawConfig = field(default_factory=DrawConfig)
    codec: CodecTraining = field(default_factory=CodecTraining)
    windows: WindowPlan = field(default_factory=WindowPlan)
    world: WorldTraining = field(default_factory=WorldTraining)
    action: ActionTraining = field(default_factory=ActionTraining)
    trial: TrialConfig = field(default_factory=TrialConfig)
    replay: ReplayPlan = field(default_factory=ReplayPlan)

    def __post_init__(self) -> None:
        shares = self.action.noised_share + self.action.predicted_share
        if not 0 <= shares <= 1:
            raise RecipeError(
                f"action.noised_share + action.predicted_share is {shares}; the rest are true futures, so it must lie "
                "in 0..1. Lower one of them."
            )
        shown = self.world.human_share + self.world.play_share
        if not 0 <= shown < 1:
            raise RecipeError(
                f"world.human_share + world.play_share is {shown}; the rest are the gripper's tasks, so it must lie in "
                "0..1 and below 1. Lower one of them."
            )
        if not 0 <= self.draw.astray_share <= 1:
            raise RecipeError(
                f"draw.astray_share is {self.draw.astray_share}; it is a share of the gripper's episodes. "
                "Set it to 0..1; recipes/pretrain/tiny.yaml has 0.4."
            )
        if not 0 < self.codec.scene_share <= 1:
            raise RecipeError(
                f"codec.scene_share is {self.codec.scene_share}; the codec must see the tabletop. "
                "Set it above 0 and at most 1; recipes/pretrain/tiny.yaml has 0.85."
            )
