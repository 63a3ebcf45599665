"""What does each contender look like? One colour, one mark and one dash each, the same on every chart of a report."""

from dataclasses import dataclass

from markupsafe import Markup

from adapt.evaluate.record import (
    BETTER,
    CODEC_CEILING,
    COPY_LAST,
    HOLD_LAST,
    JOINT_HEAD,
    MEAN,
    NO_GAIN,
    ROUND_TRIP,
    TRUE_FUTURE,
    WORSE,
    ZERO_SHOT,
)
from adapt.evaluate.study_settings import NEW, REPLAY, SHUFFLED, WRONG
from adapt.evaluate.tables import ADAPTED
from adapt.report.svg import drawing, marker, tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one contender is drawn. Marks and dashes differ too, so that colour is never all there is."""

    color: str  # class of the style sheet
    shape: str  # of its mark
    dash: str | None = None


_PLAIN = Look(color="c-other", shape="circle", dash="1 3")
_LOOKS = {
    "true": Look(color="c-true", shape="bar"),
    ADAPTED: Look(color="c-adapted", shape="circle"),
    ZERO_SHOT: Look(color="c-base", shape="square", dash="6 3"),
    HOLD_LAST: Look(color="c-other", shape="cross", dash="2 3"),
    MEAN: Look(color="c-other", shape="down", dash="1 3"),
    COPY_LAST: Look(color="c-other", shape="up", dash="2 3"),
    CODEC_CEILING: Look(color="c-limit", shape="diamond", dash="8 2 2 2"),
    TRUE_FUTURE: Look(color="c-limit", shape="diamond", dash="5 3"),
    ROUND_TRIP: Look(color="c-limit", shape="up", dash="8 2 2 2"),
    JOINT_HEAD: Look(color="c-joint", shape="square", dash="4 2 1 2"),
    # The arms of a study.
    REPLAY: Look(color="c-limit", shape="diamond", dash="5 3"),
    WRONG: Look(color="c-joint", shape="down", dash="4 2 1 2"),
    SHUFFLED: Look(color="c-other", shape="cross", dash="2 3"),
}
# The same things under the shorter names of films, traces, blame and studies.
_LOOKS |= {
    "base": _LOOKS[ZERO_SHOT],
    NEW: _LOOKS[ADAPTED],
    "imagined": _LOOKS[ADAPTED],
    "true future": _LOOKS[TRUE_FUTURE],
    "codec round trip": _LOOKS[ROUND_TRIP],
    "joint head": _LOOKS[JOINT_HEAD],
    "mean": _LOOKS[MEAN],
    "training": Look(color="c-adapted", shape="circle"),
    "held out": Look(color="c-base", shape="square", dash="6 3"),
}

_VERDICTS = {
    BETTER: Look(color="v-better", shape="circle"),
    WORSE: Look(color="v-worse", shape="cross"),
    NO_GAIN: Look(color="v-none", shape="diamond"),
}
_UNSURE = Look(color="v-few", shape="square")

# How a contender is called where a person reads it; the glossary has these words.
NAMES = {
    "true": "really done",
    ADAPTED: "adapted model",
    ZERO_SHOT: "unadapted base",
    HOLD_LAST: "holding still",
    MEAN: "average action",
    COPY_LAST: "frozen picture",
    CODEC_CEILING: "codec ceiling",
    TRUE_FUTURE: "true future",
    ROUND_TRIP: "codec round trip",
    JOINT_HEAD: "joint head",
    "base": "unadapted base",
    "imagined": "imagined future",
    "mean": "average action",
    REPLAY: "replay only",
    NEW: "new data",
    WRONG: "wrong instructions",
    SHUFFLED: "shuffled in time",
}


def look_of(name: str) -> Look:
    """How a contender is drawn; what is not known is grey and dotted."""
    return _LOOKS.get(name, _PLAIN)


def called(name: str) -> str:
    """How a contender is called; what is not known keeps its name."""
    return NAMES.get(name, name)


def verdict_look(verdict: str) -> Look:
    """How a verdict is drawn; one that claims nothing is hollow."""
    return _VERDICTS.get(verdict, _UNSURE)


def swatch(name: str) -> Markup:
    """A contender's line and mark, small, for a legend."""
    look = look_of(name)
    line = tag("line", x1=1, y1=7, x2=27, y2=7, class_=f"line {look.color}", stroke_dasharray=look.dash)
    return drawing(28, 14, "", line, marker(look.shape, 14, 7, 3.5, class_=f"mark {look.color}"), kind="swatch")
