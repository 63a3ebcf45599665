"""How is a fault of a data set told? Subject, what was found with its figures, and the remedy, in words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Gravity = Literal["wrong", "suspect", "note"]
ORDER: tuple[Gravity, ...] = ("wrong", "suspect", "note")
_NAMED = 6  # episodes that are named before the rest are only counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a data set that its owner should know.

    Attributes:
        kind: One word or two for counting, such as "clipped".
        subject: What it is about: "state axis 'elbow' (observation.state[1])", "camera 'top'", "episode 3".
        found: What was found, with figures.
        remedy: What to do, an imperative.
        gravity: "wrong": teaches something false; "suspect": may, look at it; "note": good to know, nothing is wrong.
        episodes: Those it was found in; empty where it is about all of them together.
        share: Share it concerns, of what `found` says, in [0, 1]; None where there is none.
    """

    kind: str
    subject: str
    found: str
    remedy: str
    gravity: Gravity
    episodes: tuple[int, ...] = ()
    share: float | None = None

    @property
    def text(self) -> str:
        """The whole finding in one line."""
        return f"{self.subject}: {self.found}. {self.remedy}"

    @property
    def code(self) -> str:
        """Its kind as one word, for programs."""
        return re.sub(r"\W+", "_", self.kind.replace("'s", ""))

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; what weighs is called as in findings of videos."""
        return {
            "code": self.code,
            "weight": self.gravity,
            "subject": self.subject,
            "found": self.found,
            "remedy": self.remedy,
            "episodes": list(self.episodes),
            "share": None if self.share is None else round(self.share, 4),
        }


@dataclass(slots=True, kw_only=True)
class Tally:
    """Gathers one kind of fault over episodes, so that it is told once, with its worst place."""

    kind: str
    subject: str
    remedy: str
    gravity: Gravity
    seen: list[tuple[float, int, str]] = field(default_factory=list)  # how bad, episode, in words

    def add(self, episode: int, badness: float, words: str) -> None:
        """One episode has it; a larger `badness` is worse."""
        self.seen.append((badness, episode, words))

    def findings(self, episodes: int) -> list[Finding]:
        """The finding, if any; `episodes` is how many were looked at."""
        if not self.seen:
            return []
        _, worst, words = max(self.seen, key=lambda each: each[0])
        places = tuple(sorted({episode for _, episode, _ in self.seen}))
        return [
            Finding(
                kind=self.kind,
                subject=self.subject,
                found=f"{_where(places, worst, episodes)}{words}",
                remedy=self.remedy,
                gravity=self.gravity,
                episodes=places,
                share=len(places) / episodes if episodes else None,
            )
        ]


def by_gravity(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first; otherwise in the order they come."""
    return sorted(findings, key=lambda finding: ORDER.index(finding.gravity))


def listed(episodes: Sequence[int]) -> str:
    """Episodes by number: "3, 5, 8 and 4 more"."""
    named = ", ".join(str(episode) for episode in episodes[:_NAMED])
    left = len(episodes) - _NAMED
    return f"{named} and {left} more" if left > 0 else named


def _where(places: Sequence[int], worst: int, episodes: int) -> str:
    if len(places) == 1:
        return f"in episode {worst} "
    if len(places) == episodes:
        return f"in all {episodes} episodes; in episode {worst} "
    return f"in {len(places)} of {episodes} episodes ({listed(places)}); in episode {worst} "
