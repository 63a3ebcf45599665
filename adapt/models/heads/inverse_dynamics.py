"""Inverse dynamics: the actions that lead from the present to a given future, and how sure they are.

Small transformers of its own. They see the present, the future (recorded, or imagined by the video model) and, where
there is one, the body's state: never the instruction, nor features that carry it. So what the head does follows the
future it is shown, and a video model that imagines better acts better without this head being trained again.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from adapt.models.heads.bodies import BodyProjections, Readings
from adapt.models.heads.expert import FLOW, GAUSSIAN, OBJECTIVES, ActionExpert, InverseDynamicsConfig
from adapt.models.heads.transitions import ActionReading, ActionTargets, Hiding, Transitions, hide
from adapt.models.seeding import Generators, normal, normal_rows, row_seeds, seeded, uniform
from adapt.objectives.flow import interpolate, velocity
from adapt.objectives.likelihood import masked_gaussian_nll
from adapt.objectives.losses import MaskedSum, masked_square_error
from adapt.types import BaseGeometry

__all__ = [
    "DRAWS",
    "OBJECTIVES",
    "ActionReading",
    "ActionTargets",
    "Hiding",
    "InverseDynamics",
    "InverseDynamicsConfig",
    "Transitions",
    "hide",
]

DRAWS = 8
_LEVEL = 1  # added to a row's seed, so that its draws do not repeat each other; `hide` has others
_SAMPLE_STEPS = 8  # Euler steps of each sample behind a spread
_LOWEST, _HIGHEST = -14.0, 5.0  # logarithm of a variance: deviations from 0.001 to 12 in normalised units


class InverseDynamics(ActionExpert):
    """Action experts over (present, future, state), with one projection in and out per body.

    The head is its own first expert; `others` holds the rest. Each has a trunk of its own, not just a last layer.
    Tried on the shipped replay, experts with a common trunk agreed far more closely than they were right, their
    spread said less about their errors, and their mean was worse. The trunk is small beside the video transformer,
    whose work all of them share. Disagreement is no alarm for every strange picture: on scenes turned upside down, and
    on another window's future, it was hardly larger.

    Source:
        Lakshminarayanan et al. 2017 (deep ensembles), arXiv:1612.01474: whole networks that differ in their start and
        in the noise and order of what they see. Each learns from all the data, as there: resampling it for each
        (bagging) costs more accuracy than it gains in difference. A common trunk: Valdenegro-Toro 2019,
        arXiv:1910.08168.
    """

    def __init__(self, config: InverseDynamicsConfig, geometry: BaseGeometry) -> None:
        super().__init__(config, geometry)
        self.projections = BodyProjections(config.width, members=config.members, variances=config.objective == GAUSSIAN)
        self.others = nn.ModuleList()
        for member in range(1, config.members):
            with seeded(torch.initial_seed() + member):  # Whatever is made after the head stays as with one member.
                self.others.append(ActionExpert(config, geometry))

    def forward(
        self, seen: Transitions, noisy: Float[Tensor, "r k d"], sigma: Float[Tensor, " r"], *, member: int = 0
    ) -> tuple[Float[Tensor, "r k d"], Float[Tensor, "r k d"] | None]:
        """What one member says.

        Args:
            seen: What led where.
            noisy: Actions on the way to noise. Only the flow objective looks at them.
            sigma: How far they are on that way.
            member: Which one.

        Returns:
            Velocity of the noisy actions, or with the other objectives the actions; and, with the gaussian objective,
            the logarithm of their variance.
        """
        expert = self.others[member - 1] if member else self
        assert isinstance(expert, ActionExpert)
        given = Readings(values=noisy, bodies=seen.bodies)
        actions = self.projections.actions_in(given, member=member) if self.config.objective == FLOW else None
        state = self.projections.state_in(
            Readings(values=seen.state.unsqueeze(1), bodies=seen.bodies),
            seen.has_state.unsqueeze(1),
            expert.null_state,
            member=member,
        )
        tokens = expert.think(seen, state, expert.steps_in(actions, sigma))
        told = self.projections.actions_out(tokens, seen.bodies, noisy.shape[-1], member=member)
        if self.config.objective != GAUSSIAN:
            return told, None
        raw = self.projections.variances_out(tokens, seen.bodies, noisy.shape[-1], member=member)
        return told, _bounded(raw)

    def loss(
        self, seen: Transitions, targets: ActionTargets, generator: torch.Generator, hiding: Hiding | None = None
    ) -> MaskedSum:
        """Squared error, or negative log likelihood, summed over valid action elements; the mean of the members'.

        The flow objective draws each row's noise level uniformly from its floor to 1, and weighs the row by that
        length: on average the levels below the floor are masked, and those above teach as often as another row's. The
        other objectives have no noise level: a floor says nothing to them, and weight is what is left for labels that
        are not to be trusted.

        Args:
            seen: What led where.
            targets: The actions that led there.
            generator: On the CPU; decides, with each row's name, its noise, noise level and what is hidden, for each
                member anew.
            hiding: How much of `seen` is hidden; None hides nothing, as when validating.

        Returns:
            The sum, and the count of valid elements, which is not multiplied by the members.

        Raises:
            EmbodimentError: A row's body has no projections here.
        """
        for name in set(seen.bodies):
            self.projections.of(name)
        parts = [self._member_loss(seen, targets, generator, hiding, member) for member in range(self.config.members)]
        if len(parts) == 1:
            return parts[0]
        return MaskedSum(torch.stack([part.sum for part in parts]).mean(), parts[0].count)

    @torch.no_grad()
    def act(self, seen: Transitions, generator: Generators) -> Float[Tensor, "r k d"]:
        """Normalised actions for each transition, zero beyond a body's own axes; the mean of the members'.

        Args:
            seen: What happened, or is imagined to happen.
            generator: On the CPU, one, or one for each row; the same seed gives the same actions.

        Raises:
            EmbodimentError: A row's body has no projections here.
        """
        actions = self._answers(seen, generator)[0]
        return actions[0] if len(actions) == 1 else actions.mean(dim=0)

    @torch.no_grad()
    def read(self, seen: Transitions, generator: torch.Generator, *, draws: int = DRAWS) -> ActionReading:
        """Normalised actions, and one standard deviation of what else they could be, both zero beyond a body's axes.

        The variance is the mean of the members' own variances plus the variance of their means: what the data leaves
        open, and what the head has not learned. A member's own variance is its second output with the gaussian
        objective. With the flow objective it is the variance of `draws` samples of several Euler steps each: in one
        step from pure noise the velocity is the noise less the mean action, so that every draw ends at the mean and
        there is nothing to see. With plain regression it is 0, and a single member then has no spread to tell.

        Args:
            seen: What happened, or is imagined to happen.
            generator: On the CPU; the same seed gives the same reading. A row's samples do not depend on other rows.
            draws: Samples a member with the flow objective; the deviation from n samples is itself off by a share of
                about 1 / sqrt(2 n - 2), for 8 a quarter.

        Returns:
            As mean what `act` gives for a generator of the same seed, and the spread.

        Raises:
            EmbodimentError: A row's body has no projections here.
            ValueError: Fewer than 2 draws, with the flow objective.

        Source:
            The variance of a uniform mixture: Lakshminarayanan et al. 2017, arXiv:1612.01474.
        """
        # The samples' seeds hang on where the generator stands now, not on how many numbers the rows take from it.
        beside = torch.Generator()
        beside.set_state(generator.get_state())
        means, log_variances = self._answers(seen, generator)
        mean = means[0] if len(means) == 1 else means.mean(dim=0)
        if self.config.objective == FLOW:
            own = self._sampled_variance(seen, beside, draws, axes=mean.shape[-1])
        elif log_variances is not None:
            own = log_variances.exp().mean(dim=0)
        elif self.config.members > 1:
            own = torch.zeros_like(mean)
        else:
            return ActionReading(mean=mean, spread=None)
        spread = (own + means.var(dim=0, correction=0)).sqrt()
        return ActionReading(mean=mean, spread=self._own(spread, seen))

    def _member_loss(
        self,
        seen: Transitions,
        targets: ActionTargets,
        generator: torch.Generator,
        hiding: Hiding | None,
        member: int,
    ) -> MaskedSum:
        seeds = row_seeds(targets.names, generator)
        seen = seen if hiding is None else hide(seen, hiding, seeds)
        actions = torch.where(targets.valid, targets.actions, 0.0)
        if self.config.objective == FLOW:
            return self._flow_loss(seen, actions, targets, seeds, member)
        told, log_variance = self(seen, torch.zeros_like(actions), actions.new_zeros(len(actions)), member=member)
        if log_variance is None:
            return masked_square_error(told, actions, targets.valid, targets.weight)
        pair = (told, log_variance)
        return masked_gaussian_nll(pair, actions, targets.valid, targets.weight, beta=self.config.beta)

    def _flow_loss(
        self, seen: Transitions, actions: Tensor, targets: ActionTargets, seeds: list[int], member: int
    ) -> MaskedSum:
        noise = _row_noise(seeds, actions)
        sigma = torch.cat([uniform(1, seed + _LEVEL) for seed in seeds]).to(actions)
        weight = targets.weight
        if targets.sigma_floor is not None:
            above = 1.0 - targets.sigma_floor
            sigma, weight = targets.sigma_floor + above * sigma, weight * above
        told, _ = self(seen, interpolate(actions, noise, sigma), sigma, member=member)
        return masked_square_error(told, velocity(actions, noise), targets.valid, weight)

    def _answers(
        self, seen: Transitions, generator: Generators
    ) -> tuple[Float[Tensor, "e r k d"], Float[Tensor, "e r k d"] | None]:
        """Actions of each of the e members, from one noise for all, and the logarithm of their variance."""
        axes = max(self.projections.of(name).action_axes for name in seen.bodies)
        like = seen.present.new_empty(len(seen.bodies), self.action_steps, axes)
        noise = normal_rows(tuple(like.shape), generator).to(like)
        if self.config.objective == FLOW:
            parts = [self._denoise(seen, noise, self.config.steps, member) for member in range(self.config.members)]
            return torch.stack(parts), None
        level = noise.new_zeros(len(noise))
        told = [self(seen, noise, level, member=member) for member in range(self.config.members)]
        means = torch.stack([mean for mean, _ in told])
        log_variances = [value for _, value in told if value is not None]
        return means, torch.stack(log_variances) if log_variances else None

    def _denoise(self, seen: Transitions, noise: Tensor, steps: int, member: int) -> Float[Tensor, "r k d"]:
        """Walk from noise to actions in Euler steps of equal length."""
        actions = noise
        for step in range(steps):
            sigma = actions.new_full((actions.shape[0],), 1.0 - step / steps)
            actions = actions - self(seen, actions, sigma, member=member)[0] / steps
        return self._own(actions, seen)

    def _sampled_variance(
        self, seen: Transitions, generator: torch.Generator, draws: int, *, axes: int
    ) -> Float[Tensor, "r k d"]:
        """Variance of each member's samples, the members' mean."""
        if draws < 2:
            raise ValueError(f"draws is {draws}; a spread needs 2 or more samples.")
        rows = len(seen.bodies)
        seeds = row_seeds([f"{row}/{draw}" for draw in range(draws) for row in range(rows)], generator)
        noise = _row_noise(seeds, seen.present.new_empty(len(seeds), self.action_steps, axes))
        many = Transitions(
            present=seen.present.repeat(draws, 1, 1, 1),
            future=seen.future.repeat(draws, 1, 1, 1, 1),
            state=seen.state.repeat(draws, 1),
            has_state=seen.has_state.repeat(draws),
            bodies=seen.bodies * draws,
        )
        samples = [self._denoise(many, noise, _SAMPLE_STEPS, member) for member in range(self.config.members)]
        return torch.stack([part.view(draws, rows, *part.shape[1:]).var(dim=0) for part in samples]).mean(dim=0)

    def _own(self, actions: Float[Tensor, "r k d"], seen: Transitions) -> Float[Tensor, "r k d"]:
        return self.projections.keep_own_axes(Readings(values=actions, bodies=seen.bodies))


def _row_noise(seeds: list[int], like: Float[Tensor, "r k d"]) -> Float[Tensor, "r k d"]:
    """Standard normal noise, each row by its own seed; by axis, then step, so that axes of padding come last."""
    shape = like[0].T.shape
    return torch.stack([normal(like[0].numel(), seed).view(shape).T for seed in seeds]).to(like)


def _bounded(raw: Float[Tensor, "*x"]) -> Float[Tensor, "*x"]:
    """The logarithm of a variance, softly kept where it neither explodes nor promises what no number can keep."""
    below = _HIGHEST - nn.functional.softplus(_HIGHEST - raw)
    return _LOWEST + nn.functional.softplus(below - _LOWEST)
