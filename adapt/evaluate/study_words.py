"""What may be concluded from an experiment's arms? Patterns of better and not better, and the words they allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapt.evaluate.record import BETTER, COPY_LAST, HOLD_LAST, MEAN, TOO_FEW, TOO_FEW_SEEDS, WORSE
from adapt.evaluate.record import NO_GAIN as NO_GAIN_OVER
from adapt.evaluate.study_record import (
    CANNOT_TELL,
    HARMED,
    LOOKS,
    MORE_TRAINING,
    NO_GAIN,
    NOT_SEPARATED,
    NOT_THE_TASK,
    TAUGHT,
    ArmMeasure,
    Contrast,
    Finding,
)
from adapt.evaluate.study_settings import BASE, NEW, REPLAY, SHUFFLED, WRONG

DATA = {"human": "your videos", "play": "your recordings"}
# What an arm, or a trivial guess, is called in a sentence; `{data}` is one of DATA.
NAMED = {
    BASE: "the base as it is",
    REPLAY: "training as long without {data}",
    WRONG: "the same with wrong instructions",
    SHUFFLED: "the same with the frames out of order",
    COPY_LAST: "a frozen picture",
    HOLD_LAST: "standing still",
    MEAN: "the average action",
}
# What stays open where an arm is missing.
_OPEN = {
    REPLAY: "whether {data} or more training made the difference",
    WRONG: "whether it learned the task or the looks",
    SHUFFLED: "whether it learned what happens or the looks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of one measure.

    Attributes:
        kind: "human" or "play".
        measure: The measure.
        contrasts: Of this measure.
        unknown_body: True where models that have not seen the new data cannot act with its body at all: then standing
            still is what a gain is measured against.
    """

    kind: str
    measure: ArmMeasure
    contrasts: Sequence[Contrast]
    unknown_body: bool = False

    def against(self, other: str, arm: str = NEW) -> Contrast | None:
        """The contrast with another arm or a trivial guess, if there is one."""
        return next((item for item in self.contrasts if (item.arm, item.against) == (arm, other)), None)

    def is_(self, word: str, other: str, arm: str = NEW) -> bool:
        """Whether the verdict against another is this word."""
        found = self.against(other, arm)
        return found is not None and found.verdict == word

    def say(self, words: str) -> str:
        """Words with the kind of data filled in."""
        return words.format(data=DATA[self.kind])


def conclude(question: Question) -> Finding:
    """What one measure lets one conclude of the new data.

    The new data taught something only where it beats as much training without it, and the same data under wrong
    instructions, and out of order. Requiring all three keeps the chance of a false claim at that of the most lenient.
    """
    code, words = _conclude(question)
    return Finding(measure=question.measure.id, code=code, words=words)


def percent(contrast: Contrast, value: float, measure: ArmMeasure) -> str:
    """A difference as a share of the error it is compared with, for example "12 %"."""
    level = reference_level(measure, contrast.against)
    return f"{in_short(100 * abs(value) / level)} %" if level else f"{abs(value):.3g}"


def in_short(value: float) -> str:
    """A number as one says it: two digits, and whole from 100 on."""
    return f"{value:.2g}" if abs(value) < 99.5 else f"{value:.0f}"


def reference_level(measure: ArmMeasure, name: str) -> float:
    """The mean error of an arm or a trivial guess; 0 where there is none."""
    return measure.arms.get(name, measure.references.get(name, 0.0))


def seen_if_above(contrast: Contrast, measure: ArmMeasure) -> str:
    """How large a gain would have been found, in words."""
    if contrast.detectable is None:
        return "how large a gain would have been seen cannot be told from so few windows"
    return f"a gain above {percent(contrast, contrast.detectable, measure)} would have been seen"


def _conclude(question: Question) -> tuple[str, str]:
    main = _main_reference(question)
    if main is None:
        tried = [question.against(name) for name in (WRONG, SHUFFLED)]
        if not any(item is not None and item.verdict == BETTER for item in tried):
            return CANNOT_TELL, "there is neither the base nor training without the new data to compare with"
        return NOT_SEPARATED, question.say(_missing(question, [REPLAY]))
    if any(item.verdict == TOO_FEW for item in question.contrasts if item.arm == NEW):
        return CANNOT_TELL, f"too few held-out windows to tell ({question.measure.windows}): more data is needed"
    if any(item.verdict == TOO_FEW_SEEDS for item in question.contrasts if item.arm == NEW):
        return CANNOT_TELL, "two seeds say nothing of chance in training; take --seeds 3 or more"
    if question.is_(WORSE, main.against) or question.is_(WORSE, BASE):
        return HARMED, _harm(question, main)
    if main.verdict == BETTER:
        return _gain(question, main)
    return _no_gain(question, main)


def _main_reference(question: Question) -> Contrast | None:
    """What a gain is measured against: as much training without the data; else the base."""
    if question.unknown_body:
        return question.against(HOLD_LAST)
    return question.against(REPLAY) or question.against(BASE)


def _harm(question: Question, main: Contrast) -> str:
    if main.verdict == WORSE and main.against == REPLAY:
        return question.say("{data} made it worse than training as long without them")
    if main.verdict == WORSE:
        return question.say("with {data} it is worse than " + NAMED[main.against])
    if question.is_(WORSE, BASE, REPLAY):
        return question.say("training made it worse than the base was, with {data} as without")
    return question.say("it became worse than the base; whether {data} or any training does that cannot be told")


def _gain(question: Question, main: Contrast) -> tuple[str, str]:
    gain = percent(main, main.difference, question.measure)
    beaten = [name for name in (WRONG, SHUFFLED) if question.is_(BETTER, name)]
    there = [name for name in (WRONG, SHUFFLED) if question.against(name) is not None]
    missing = [REPLAY] if main.against == BASE else []
    missing += [name for name in (WRONG, SHUFFLED) if name not in there]
    than = f"{gain} less error than {NAMED[main.against]}"
    if beaten != there:
        code = NOT_THE_TASK if SHUFFLED in beaten else LOOKS
        return code, question.say(f"{than}, but {_looks(question, beaten, there)}")
    if missing:
        also = "".join(f", and better than {NAMED[name]}" for name in beaten)
        return NOT_SEPARATED, question.say(f"{than}{also}; {_missing(question, missing)}")
    return TAUGHT, question.say(
        f"{than} ({_interval(main, question.measure)}), and better than {NAMED[WRONG]} and than {NAMED[SHUFFLED]}"
    )


def _looks(question: Question, beaten: Sequence[str], there: Sequence[str]) -> str:
    """The new data helps, yet an altered version of it helps as much."""
    held = [name for name in there if name not in beaten]
    equal = " and ".join(NAMED[name] for name in held)
    contrasts = [item for name in held if (item := question.against(name)) is not None]
    found = _seen_if_above(contrasts, question.measure)
    if held == [SHUFFLED]:
        lesson = "it learned how things look, not how they move"
    elif SHUFFLED in beaten:
        lesson = "it learned how things look and move, not what the instruction asks for"
    else:
        lesson = "it learned the looks, not the task"
    return f"not measurably better than {equal} ({found}): {lesson}"


def _seen_if_above(contrasts: Sequence[Contrast], measure: ArmMeasure) -> str:
    """How large gains would have been found, over one or two others."""
    if len(contrasts) == 1 or any(item.detectable is None for item in contrasts):
        return seen_if_above(contrasts[0], measure)
    least = [percent(item, item.detectable, measure) for item in contrasts if item.detectable is not None]
    return f"gains above {' and '.join(least)} would have been seen"


def _no_gain(question: Question, main: Contrast) -> tuple[str, str]:
    seen = seen_if_above(main, question.measure)
    if main.against == REPLAY and question.is_(BETTER, BASE):
        if question.is_(BETTER, BASE, REPLAY):
            return MORE_TRAINING, question.say(f"more training, not {{data}}, made the difference: {seen}")
        return NOT_SEPARATED, question.say(
            "better than the base, but not measurably better than training as long without {data}: which of the two "
            f"made the difference cannot be told ({seen})"
        )
    return NO_GAIN, question.say(f"no measurable gain over {NAMED[main.against]}: {seen}")


def _missing(question: Question, names: Sequence[str]) -> str:
    arms = " and ".join(f"'{name}'" for name in names)
    return question.say(f"without the arm {arms} it stays open " + " and ".join(_OPEN[name] for name in names))


def _interval(contrast: Contrast, measure: ArmMeasure) -> str:
    level = reference_level(measure, contrast.against)
    if not level:
        return f"interval {-contrast.high:.3g} to {-contrast.low:.3g}"
    low, high = (in_short(-100 * bound / level) for bound in (contrast.high, contrast.low))
    return f"interval {low} to {high} %"


def summarise(findings: Sequence[Finding], questions: Sequence[Question], notes: Sequence[str]) -> str:
    """The study's verdict in a few sentences: what was asked first, then the other measures, then how far to trust it.

    Args:
        findings: One a measure of video or actions, the study's own first.
        questions: The same measures, and those of retention.
        notes: What else a reader has to know, as sentences.
    """
    asked = {question.measure.id: question for question in questions}
    told: dict[str, list[str]] = {}
    for finding in findings:
        question = asked[finding.measure]
        told.setdefault(f"{finding.words}{_still_trivial(question, finding)}", []).append(question.measure.name)
    # What holds of several measures is said once.
    sentences = [f"{_capital('; '.join(names))}: {words}." for words, names in told.items()]
    lost = [_lost(question) for question in questions if question.measure.group == "retention"]
    return " ".join([*sentences, *filter(None, lost), *notes])


def _still_trivial(question: Question, finding: Finding) -> str:
    """A gain over the base is worth little where something trivial is better still."""
    found = [question.against(name) for name in (COPY_LAST, HOLD_LAST, MEAN)]
    said = {WORSE: "still worse than"}
    if finding.code not in (NO_GAIN, HARMED, CANNOT_TELL):
        said[NO_GAIN_OVER] = "not measurably better than"
    words = ""
    for verdict, phrase in said.items():
        there = [item.against for item in found if item is not None and item.verdict == verdict]
        named = [NAMED[name] for name in there if NAMED[name] not in finding.words]
        words += f"; {phrase} {' and '.join(named)}" if named else ""
    return words


def _lost(question: Question) -> str:
    """What training with the new data cost on the base's own data."""
    base = question.against(BASE)
    if base is None or base.verdict != WORSE:
        return ""
    loss = percent(base, base.difference, question.measure)
    more = question.against(REPLAY)
    why = " (training as long without {data} costs less)" if more is not None and more.verdict == WORSE else ""
    return question.say(f"Forgotten: {question.measure.name}, {loss} more error than the base{why}.")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def headline(code: str, kind: str) -> str:
    """A code as a person would say it, in one line."""
    return _HEADLINES[code].format(data=DATA[kind])


_HEADLINES: Mapping[str, str] = {
    TAUGHT: "{data} taught it something",
    LOOKS: "it learned the looks, not the task",
    NOT_THE_TASK: "it learned how things look and move, not the task",
    MORE_TRAINING: "more training, not {data}, made the difference",
    NO_GAIN: "no measurable gain",
    HARMED: "worse than before, or than without {data}",
    NOT_SEPARATED: "better, but not every control was beaten or made",
    CANNOT_TELL: "it cannot be told",
}
