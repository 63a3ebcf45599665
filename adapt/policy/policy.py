"""An adapted model that acts: an observation and an instruction in, a chunk of actions out."""

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.embodiment.spec import Embodiment, check_slots
from adapt.errors import BundleError, EmbodimentError
from adapt.models.adapters import Adapter, apply_adapter
from adapt.models.bases import TINY, Base, load_base, load_heads, read_identity
from adapt.models.batch import pad_text
from adapt.models.formats.merging import merge_adapter
from adapt.models.frozen import forbid_decoding
from adapt.models.imagine import Sampling, imagine
from adapt.models.world_action import INVERSE_DYNAMICS
from adapt.policy.acting import Actor, read_actions, read_with_spread
from adapt.policy.bundle import BaseRecord, Bundle, read_bundle
from adapt.policy.golden import ACTION_TOLERANCE_SHARE, LATENT_TOLERANCE, Golden, find_mismatch
from adapt.policy.many import Crowd
from adapt.policy.observation import as_observation
from adapt.types import ActionChunk, BaseGeometry, Observation, Prediction
from adapt.video.canvas import place

log = logging.getLogger(__name__)


class Policy:
    """A base with an adapter and heads on it, and the body it acts for.

    Args:
        base: With the adapter and the heads on its model.
        actor: The body and its statistics.
        video_steps: Solver steps for imagining a chunk.
        golden: The stored answer that `verify_golden` compares with; None where there is none yet.
    """

    def __init__(self, base: Base, actor: Actor, *, video_steps: int, golden: Golden | None = None) -> None:
        check_slots(actor.spec, base.geometry.canvas)
        actor.statistics.check_fits(actor.spec, where="stats.json")
        if actor.spec.actions and actor.spec.name not in base.model.bodies:
            raise EmbodimentError(
                f"embodiment '{actor.spec.name}': the heads know {', '.join(sorted(base.model.bodies)) or 'no body'}. "
                "Use the bundle that was made for this body."
            )
        self._base = base
        self._actor = actor
        self._video_steps = video_steps
        self._golden = golden

    @property
    def body(self) -> Embodiment:
        """The body that acts: its cameras, axes and units."""
        return self._actor.spec

    @property
    def geometry(self) -> BaseGeometry:
        """The base's rates and chunk length."""
        return self._base.geometry

    @property
    def video_steps(self) -> int:
        """Solver steps for imagining a chunk."""
        return self._video_steps

    def act(self, observation: object, instruction: str, *, seed: int = 0, with_spread: bool = False) -> ActionChunk:
        """The next actions, in the body's own units; decodes no image.

        Args:
            observation: An `Observation`, or a mapping {"images": {camera: picture}, "state": numbers}; for a body
                with one camera, {"images": picture} will do. Pictures are uint8 (height, width, 3), or PIL images.
            instruction: What to do.
            seed: Of the noise the imagined future starts from; the same seed gives the same actions.
            with_spread: Say as well how far each action may be off, so that a caller can hold back where that is much.
                It costs some passes of the action head, and none of the video model. The actions stay the same.

        Returns:
            One chunk of actions. Its `spread`, if asked for, is what the head leaves open given the imagined future;
            whether that future is right it cannot tell. None from a head that has no notion of it.

        Raises:
            DataError: The observation does not fit the body; the message names the field.
            EmbodimentError: The body has no action axes.
        """
        if not self.body.actions:
            raise EmbodimentError(f"embodiment '{self.body.name}': has no action axes. Use predict(), not act().")
        with forbid_decoding():
            seen = as_observation(observation, self.body)
            actions = self._answer(seen, instruction, seed, with_spread=with_spread)[2]
        assert actions is not None  # Since the body has action axes.
        return actions

    def predict(self, observation: object, instruction: str, *, seed: int = 0, with_spread: bool = False) -> Prediction:
        """The imagined next chunk as pictures, and the actions read from it.

        Args:
            observation: As for `act`.
            instruction: As for `act`.
            seed: As for `act`.
            with_spread: As for `act`.

        Raises:
            DataError: The observation does not fit the body; the message names the field.
        """
        seen = as_observation(observation, self.body)
        present, future, actions = self._answer(seen, instruction, seed, with_spread=with_spread)
        frames = self._base.codec.decode(torch.cat([present, future])[None])[0]
        return Prediction(frames=frames, latents=future, actions=actions)

    def for_many(self, head: str = INVERSE_DYNAMICS) -> Crowd:
        """The same policy, answering many observations at once, with any of its heads.

        Raises:
            EmbodimentError: The body has no action axes.
            RecipeError: There is no such head.
        """
        return Crowd(self._base, self._actor, video_steps=self._video_steps, head=head)

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        """Pictures of latent frames, the first of each row a present."""
        return self._base.codec.decode(latents)

    @property
    def golden(self) -> Golden | None:
        """The question and answer its bundle brings; None where it was not loaded from one."""
        return self._golden

    def verify_golden(self) -> None:
        """Answer the bundle's stored question, and compare.

        Raises:
            BundleError: The answer differs by more than the stored tolerance, or no answer is stored.
        """
        if self._golden is None:
            raise BundleError(
                "golden.safetensors: this policy was not loaded from a bundle, so there is no answer. Load a bundle."
            )
        _, latents, actions = self._answer(self._golden.observation, self._golden.instruction, self._golden.seed)
        problem = find_mismatch(self._golden, latents, None if actions is None else actions.values)
        if problem:
            raise BundleError(
                f"golden.safetensors: the stored answer was not reproduced: {problem}. Base, adapter and this "
                "version of wam-adapt do not belong together; pull the bundle again, or use the version in its card."
            )

    def record_golden(self, observation: object, instruction: str, *, seed: int = 0) -> Golden:
        """The answer that a bundle of this policy is to reproduce.

        Args:
            observation: As for `act`.
            instruction: As for `act`.
            seed: As for `act`.

        Raises:
            DataError: The observation does not fit the body; the message names the field.
        """
        seen = as_observation(observation, self.body)
        _, latents, actions = self._answer(seen, instruction, seed)
        return Golden(
            observation=seen,
            instruction=instruction,
            seed=seed,
            latents=latents,
            actions=None if actions is None else actions.values,
            latent_tolerance=LATENT_TOLERANCE,
            action_tolerance=None if actions is None else self._tolerance(),
        )

    def _tolerance(self) -> Float[Tensor, " d"]:
        """A small share of each axis's range; of 1 for an axis that never moved."""
        figures = self._actor.statistics.actions
        assert figures is not None  # Checked against the body on creation.
        span = (figures.high - figures.low).float()
        return ACTION_TOLERANCE_SHARE * torch.where(span > 0, span, 1.0)

    @torch.no_grad()
    def _answer(
        self, observation: Observation, instruction: str, seed: int, *, with_spread: bool = False
    ) -> tuple[Float[Tensor, "1 c h w"], Float[Tensor, "l c h w"], ActionChunk | None]:
        """The present's latent, the imagined ones, and the actions that lead there."""
        model = self._base.model
        generator = torch.Generator().manual_seed(seed)
        present = self._base.codec.encode(self._canvas(observation)[None])
        text = pad_text(self._base.text.encode([self.body.prompt_for(instruction)]))
        future = imagine(model, present, text, Sampling(steps=self._video_steps), generator)
        if not self.body.actions:
            return present[0], future[0], None
        frames = torch.cat([present, future], dim=1)[0]
        return present[0], future[0], self._act(frames, observation.state, generator, with_spread=with_spread)

    def _act(
        self,
        frames: Float[Tensor, "l c h w"],
        state: Float[Tensor, " s"] | None,
        generator: torch.Generator,
        *,
        with_spread: bool,
    ) -> ActionChunk:
        """The actions that lead through these frames. No instruction comes in here, and none may."""
        start = None if state is None else state[None].float()
        asked = (self._base.model, frames, self._actor.scaled_state(start), self.body.name, generator)
        spread = None
        if with_spread:
            reading = read_with_spread(*asked)
            told = reading.mean
            spread = None if reading.spread is None else self._actor.physical_spread(reading.spread)
        else:
            told = read_actions(*asked)
        return ActionChunk(
            values=self._actor.physical(told, start, self.geometry.action_steps),
            names=self.body.action_names,
            units=self.body.action_units,
            rate_hz=self.geometry.action_hz,
            spread=spread,
        )

    def _canvas(self, observation: Observation) -> UInt8[Tensor, "1 h w 3"]:
        views = {camera.slot: observation.images[camera.name][None] for camera in self.body.cameras}
        return place(views, self.geometry.canvas)


def load_policy(folder: Path, *, bases: Mapping[str, Path], merge: bool = False) -> Policy:
    """Load a bundle and the base it names.

    Args:
        folder: The bundle.
        bases: Folders of bases by name, for those that do not ship with this package.
        merge: Fold the adapter into the weights in memory, which then answer with fewer multiplications.

    Raises:
        BundleError: The bundle is damaged, too new, or belongs to another base than the one found.
    """
    bundle = read_bundle(folder)
    base = load_base(find_base_of(bundle.base, bases))
    check_base(bundle.base, base, folder)
    policy = put_together(base, bundle)
    if merge:
        merge_adapter(base.model.dit)
    return policy


def put_together(base: Base, bundle: Bundle) -> Policy:
    """Make a policy of a base, which is changed, and a bundle.

    Raises:
        CheckpointError: The adapter or the heads do not fit the base.
    """
    adapt_base(base, Adapter(config=bundle.adapter_config, tensors=bundle.adapter), bundle.heads)
    actor = Actor(spec=bundle.embodiment, statistics=bundle.statistics)
    return Policy(base, actor, video_steps=bundle.video_steps, golden=bundle.golden)


def adapt_base(base: Base, adapter: Adapter, heads: Mapping[str, Tensor]) -> None:
    """Put an adapter and heads on a base, which is changed.

    Raises:
        CheckpointError: The adapter or the heads do not fit the base.
    """
    apply_adapter(base.model.dit, adapter)
    load_heads(base.model, heads)
    base.model.eval().requires_grad_(requires_grad=False)


def find_base_of(record: BaseRecord, bases: Mapping[str, Path]) -> str:
    """Where the base that a bundle names is to be loaded from.

    Raises:
        BundleError: It does not ship with this package, and `bases` does not have it.
    """
    if record.repo in bases:
        return str(bases[record.repo])
    shipped = read_identity(TINY)[0]
    if record.repo == shipped.name:
        return TINY
    raise BundleError(
        f"{record.repo}@{record.revision}: the base of this bundle is not here; this package ships {shipped.name}. "
        f"Get it, and name its folder: --base DIR, or load(folder, bases={{{record.repo!r}: DIR}})."
    )


def check_base(record: BaseRecord, base: Base, folder: Path) -> None:
    """Refuse a base that is not the one a bundle was made with.

    Raises:
        BundleError: The fingerprints differ; the message names both bases.
    """
    found = base.identity
    if found.fingerprint != record.fingerprint:
        raise BundleError(
            f"{folder}: belongs to the base {record.repo}@{record.revision} ({record.fingerprint[:12]}), but the one "
            f"found is {found.name}@{found.revision} ({found.fingerprint[:12]}). Use the base it was trained on: on "
            "another one it would act wrongly without any sign."
        )
