"""Rule 11: what was not measured is not claimed, and figures that flatter say so, wherever a person reads them."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from encoded_builder import hand, window
from jaxtyping import Float, UInt8
from rich.console import Console
from torch import Tensor
from toy_bundle import toy_records

from adapt.data import splits
from adapt.evaluate import evaluation as judging
from adapt.evaluate.evaluation import Subject, Tools, Trial, evaluate
from adapt.evaluate.held_out import HeldOut, Imagined
from adapt.evaluate.record import Evaluation, Measure, dump, to_json
from adapt.evaluate.settings import EvaluateConfig
from adapt.hub import card
from adapt.hub.card import render_card
from adapt.hub.facts import collect_facts
from adapt.report import page
from adapt.report.facts import ReportFacts
from adapt.report.page import render_report
from adapt.types import BaseGeometry, Canvas, Sample, Window
from pipelines import scorecard

GEOMETRY = BaseGeometry(
    canvas=Canvas(height=4, width=4, slots={}), latent_channels=3, latent_height=4, latent_width=4, action_steps=16
)
_MARKUP = re.compile(r"<style.*?</style>|<script.*?</script>|<[^>]*>", re.DOTALL)


class Cells:
    """A codec whose latents are the picture, a latent for every fourth frame."""

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h w"]:
        return frames[:, ::4].permute(0, 1, 4, 2, 3).float() / 255

    def decode(self, latents: Float[Tensor, "b l c h w"]) -> UInt8[Tensor, "b t h w 3"]:
        frames = latents.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 1, 3, 4, 2)
        return torch.cat([frames[:, :1], frames[:, 1:].repeat_interleave(4, dim=1)], dim=1)


def judged(*, kind: str, same_session: bool = False) -> Evaluation:
    """Eight windows of video without labels, imagined perfectly by the adapted model."""
    items, perfect, frozen = [], [], []
    for number in range(8):
        latents = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(number))
        made = window(number, hand())
        sample = Sample(window_id=made.window_id, embodiment="human_hand", latents=latents, text=torch.zeros(1, 2))
        items.append(HeldOut(window=made, sample=sample, frames=Cells().decode(latents[None])[0]))
        perfect.append(Imagined(latents=latents[1:]))
        frozen.append(Imagined(latents=latents[:1].expand(2, -1, -1, -1)))
    subject = Subject(
        kind=kind, embodiment="human_hand", base="tiny", base_revision="1", held_out=8, same_session=same_session
    )
    trial = Trial(held_out=items, adapted=perfect, base=frozen)
    tools = Tools(codec=Cells(), geometry=GEOMETRY, body=None)
    return evaluate(subject, trial, "no replay data", tools, EvaluateConfig(resamples=200))


def told(evaluation: Evaluation) -> Mapping[str, str]:
    """Everything that a person is shown of an evaluation, as plain words."""
    screen = io.StringIO()
    Console(file=screen, width=100).print(scorecard.show(evaluation))
    pages = {
        "evaluation.json": dump(evaluation),
        "scorecard": screen.getvalue(),
        "model card": render_card(collect_facts(toy_records(evaluation=to_json(evaluation)), [])),
        "report.html": _MARKUP.sub(" ", render_report(ReportFacts(evaluation=evaluation))),
    }
    return {name: " ".join(words.replace("\\", "").split()) for name, words in pages.items()}


def check_no_action_error_without_labels() -> None:
    found = judged(kind="human")
    measure = found.measure("actions.overall")
    assert measure.value is None, "an action error of human video"
    assert not [item for item in found.verdicts if item.measure.startswith("actions.")], "an action verdict"
    for where, words in told(found).items():
        assert "human video carries no action labels" in words, f"{where}: no reason is given"
        assert "not applicable" in words, f"{where}: an action error of human video"


@pytest.mark.parametrize("kind", ["human", "play"])
def test_no_robot_no_claim(kind: str) -> None:
    check_no_robot_no_claim(kind)


def check_no_robot_no_claim(kind: str) -> None:
    for where, words in told(judged(kind=kind)).items():
        assert re.search(r"robot[ _]effect\W+not measured", words, re.IGNORECASE), f"{where}: claims a robot effect"


def check_shared_session_is_stamped() -> None:
    apart, shared = told(judged(kind="human")), told(judged(kind="human", same_session=True))
    for where, words in shared.items():
        said, unsaid = (re.findall(STAMPS[where], page, re.IGNORECASE) for page in (words, apart[where]))
        assert said, f"{where}: not stamped same_session"
        assert not unsaid, f"{where}: stamped though sessions were kept apart"


STAMPS = {
    "evaluation.json": r'"same_session": true',
    "scorecard": r"same session: trained and judged on one recording session",
    "model card": r"same session:",
    "report.html": r"same_session",
}


def check_sessions_do_not_mix(sessions: Sequence[str]) -> None:
    given = [replace(window(n, hand()), session=session) for n, session in enumerate(sessions)]
    found, same_session = splits.assign_splits(given, 0.3)
    sides = [{item.session for item in found if item.split == split} for split in ("train", "validation")]
    assert sides[1], "nothing is held out"
    assert same_session == bool(sides[0] & sides[1]), "a session on both sides without a stamp"


def test_human_video_has_no_action_error_but_the_reason() -> None:
    check_no_action_error_without_labels()


def test_a_shared_session_is_stamped_and_only_that() -> None:
    check_shared_session_is_stamped()


@pytest.mark.parametrize("sessions", ["aaaaaaaaaa", "aaabbbbccc", "aaaaaaaaab"])
def test_a_session_is_on_one_side_or_the_stamp_is_set(sessions: str) -> None:
    check_sessions_do_not_mix(sessions)


def test_planted_action_error_for_human_video_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masked out, the error of nothing is 0, and reads like a perfect one."""

    def zero(_reason: str) -> Measure:
        return Measure(id="actions.overall", group="actions", name="action error", unit="", windows=8, value=0.0)

    monkeypatch.setattr(judging, "no_actions", zero)
    with pytest.raises(AssertionError, match="an action error of human video"):
        check_no_action_error_without_labels()


def test_planted_claim_of_a_robot_effect_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "robot_effect", lambda _: "better: the imagined video improved")
    with pytest.raises(AssertionError, match="claims a robot effect"):
        check_no_robot_no_claim("human")


def split_by_window(windows: Sequence[Window], share: float) -> tuple[list[Window], bool]:
    """Every so many windows one is held out, whatever recording it comes from."""
    every = round(1 / share)
    return [replace(w, split="validation" if n % every == 0 else "train") for n, w in enumerate(windows)], False


def test_planted_split_by_window_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "assign_splits", split_by_window)
    with pytest.raises(AssertionError, match="a session on both sides without a stamp"):
        check_sessions_do_not_mix("aaabbbbccc")


def without_stamp(words: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A page whose template is told that all is well."""

    def told_otherwise(given: Any) -> dict[str, Any]:
        shown = words(given)
        if "same_session" in shown:
            return shown | {"same_session": False}
        return shown | {"evaluation": replace(shown["evaluation"], same_session=False)}

    return told_otherwise


show = scorecard.show
SILENT: dict[str, tuple[object, str, Callable[..., object]]] = {
    "evaluation.json": (judging, "Evaluation", lambda **given: Evaluation(**{**given, "same_session": False})),
    "scorecard": (scorecard, "show", lambda evaluation: show(replace(evaluation, same_session=False))),
    "model card": (card, "_words", without_stamp(card._words)),
    "report.html": (page, "page_words", without_stamp(page.page_words)),
}


@pytest.mark.parametrize("where", SILENT)
def test_planted_lack_of_the_stamp_is_noticed(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*SILENT[where])
    with pytest.raises(AssertionError, match=f"{where}: not stamped same_session"):
        check_shared_session_is_stamped()
