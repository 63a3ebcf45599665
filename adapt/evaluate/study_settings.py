"""How is it found out what the new data taught? The arms of an experiment, and how many windows and seeds judge it."""

from dataclasses import dataclass, field

from adapt.errors import RecipeError

BASE, REPLAY, NEW, WRONG, SHUFFLED = "base", "replay", "new", "wrong", "shuffled"
# In the order in which a reader wants them, and in which they are trained.
ARMS = (BASE, REPLAY, NEW, WRONG, SHUFFLED)
ABOUT = {
    BASE: "the base as it is, not trained",
    REPLAY: "as many steps on data the base knows already",
    NEW: "your data, as in an adaptation",
    WRONG: "your data with the instructions of other tasks",
    SHUFFLED: "your data with the frames of each window out of order",
}
# What the new data is compared with, the control that matters most first; and, for itself, replay with the base.
CONTRASTS = ((NEW, REPLAY), (NEW, WRONG), (NEW, SHUFFLED), (NEW, BASE), (REPLAY, BASE))


@dataclass(slots=True, kw_only=True)
class StudyConfig:
    """An experiment that tells what the new data taught: several trainings that differ in nothing but their data.

    Args:
        seeds: Trainings of each arm, each from a seed of its own; with 1, intervals cannot cover chance in training.
        arms: Which are made: base, replay, new, wrong (instructions), shuffled (in time). Those left out are not
            compared with.
        windows: Held-out windows judged, spread evenly over all of them; more narrows the intervals.
        replay_windows: Windows of the base's own data on which forgetting is measured; 0 to skip it.
    """

    seeds: int = 3
    arms: list[str] = field(default_factory=lambda: list(ARMS))
    windows: int = 48
    replay_windows: int = 16

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("windows", 1), ("replay_windows", 0)):
            if getattr(self, name) < least:
                raise RecipeError(f"study.{name} is {getattr(self, name)}; give at least {least}.")
        if unknown := [arm for arm in self.arms if arm not in ARMS]:
            raise RecipeError(
                f"study.arms: there is no arm '{unknown[0]}'; there are: {', '.join(ARMS)}. Choose among these."
            )
        if NEW not in self.arms or len(set(self.arms)) < 2:
            raise RecipeError(
                f"study.arms is {', '.join(self.arms) or 'empty'}; a study compares 'new' with at least one other, "
                "for example: set it to new,replay."
            )
        # One spelling for one study, whatever order its arms were named in.
        self.arms = [arm for arm in ARMS if arm in self.arms]
