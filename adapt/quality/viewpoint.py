"""Whose hands does a video show? Hints only: nothing is left out for them."""

from collections.abc import Sequence

from adapt.hands.quality import HandConfig
from adapt.hands.view import FROM_TOP, view_of
from adapt.quality.faults import OTHERS_HANDS, THIRD_PERSON, name_of
from adapt.quality.findings import HINT, Finding
from adapt.quality.times import told_spans

_MOSTLY = 0.5
REMEDIES = {
    THIRD_PERSON: "if these are upside down, turn them; else film from the head or chest of the one who works",
    OTHERS_HANDS: "see that nobody else reaches into the picture, or cut out where somebody does",
}


def view_findings(arms: Sequence[Sequence[float]], rate_hz: float, config: HandConfig) -> list[Finding]:
    """Say so where arms come in from the top, as those of people do who sit or stand opposite.

    Args:
        arms: `adapt.hands.view.arm_down` of each hand in each look.
        rate_hz: Looks a second.
        config: From which share on it is said.

    Returns:
        Nothing; or that the video is seen by somebody else, where most hands are such; or that somebody's hands are
        in it beside the wearer's.
    """
    view = view_of(arms)
    if view.share <= config.max_opposite_share:
        return []
    counted = f"{view.from_top} of {view.hands} hands come in from the top of the picture"
    if view.share >= _MOSTLY:
        found = f"{name_of(THIRD_PERSON)}: {counted}"
        return [Finding(code=THIRD_PERSON, weight=HINT, found=found, remedy=REMEDIES[THIRD_PERSON])]
    at = [place for place, look in enumerate(arms) if any(down < FROM_TOP for down in look)]
    when = told_spans([(place / rate_hz, (place + 1) / rate_hz) for place in at])
    found = f"{name_of(OTHERS_HANDS)}: {counted}, {when}"
    return [Finding(code=OTHERS_HANDS, weight=HINT, found=found, remedy=REMEDIES[OTHERS_HANDS])]
