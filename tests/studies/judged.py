"""How often is a gain called that is not there, and how often is one found that is?

    python tests/studies/judged.py tests/studies/replay_only.safetensors docs/results/judged.json

The trainings of `replay_only.py` differ by their seed alone. They are dealt into pairs of arms, none used twice, and
each pair is judged as a study is. Then a gain of known size is planted in one arm: every imagined future is moved a
share of the way to the true one, which lowers its squared error by an exactly known factor.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))

from studies.replay_only import ACTION, LATENT, SESSION

from adapt.evaluate.record import BETTER, WORSE, Verdict
from adapt.evaluate.verdict import Bootstrap, judge
from adapt.models.bases import read_identity
from adapt.models.checkpoint import read_tensors

SEEDS = (3, 5)  # trainings an arm
MOVED = (0.01, 0.02, 0.03, 0.05)  # share of the way to the truth; the error falls by 1 - (1 - share)^2
SURE = 0.95
Errors = Float[np.ndarray, "s w"]


def compare(new: Errors, old: Errors, sessions: list[str]) -> Verdict:
    """Judge one arm against another as a study does."""
    verdict = judge("error", "other arm", new.tolist(), old.tolist(), Bootstrap(), sessions=sessions)
    assert verdict is not None
    return verdict


def arms(errors: Errors, seeds: int) -> list[tuple[Errors, Errors]]:
    """Pairs of arms of so many trainings each, no training used twice."""
    starts = range(0, len(errors) - 2 * seeds + 1, 2 * seeds)
    return [(errors[start : start + seeds], errors[start + seeds : start + 2 * seeds]) for start in starts]


def at_most(count: int, of: int) -> float:
    """Upper bound of a share, 95 % sure (Clopper and Pearson 1934, Biometrika 26)."""
    return 1.0 if count == of else float(stats.beta.ppf(SURE, count + 1, of - count))


def at_least(count: int, of: int) -> float:
    """Lower bound of a share, 95 % sure."""
    return 0.0 if count == 0 else float(stats.beta.ppf(1 - SURE, count, of - count + 1))


def false_gains(errors: Errors, sessions: list[str], seeds: int) -> dict[str, Any]:
    """Verdicts on pairs of arms between which there is no difference."""
    verdicts = [compare(new, old, sessions) for new, old in arms(errors, seeds)]
    better = sum(verdict.verdict == BETTER for verdict in verdicts)
    return {
        "seeds_an_arm": seeds,
        "comparisons": len(verdicts),
        "called_better": better,
        "called_worse": sum(verdict.verdict == WORSE for verdict in verdicts),
        "false_gain_share": better / len(verdicts),
        "false_gain_share_at_most": at_most(better, len(verdicts)),
        "median_detectable_share": float(np.median([v.detectable or np.nan for v in verdicts]) / errors.mean()),
    }


def found_gains(errors: Errors, sessions: list[str], seeds: int, moved: float) -> dict[str, Any]:
    """Verdicts where the first arm is truly better by a known factor."""
    factor = (1 - moved) ** 2
    verdicts = [compare(factor * new, old, sessions) for new, old in arms(errors, seeds)]
    true = [float(factor * old.mean() - old.mean()) for _, old in arms(errors, seeds)]
    found = sum(verdict.verdict == BETTER for verdict in verdicts)
    return {
        "seeds_an_arm": seeds,
        "planted_gain_share": 1 - factor,
        "comparisons": len(verdicts),
        "found": found,
        "found_share": found / len(verdicts),
        "found_share_at_least": at_least(found, len(verdicts)),
        "interval_held_the_truth": float(np.mean([v.low <= t <= v.high for v, t in zip(verdicts, true, strict=True)])),
    }


def single_trainings(errors: Errors, sessions: list[str]) -> dict[str, Any]:
    """What happens when one training is set against another: each is judged as itself, not as what its data does."""
    verdicts = [compare(new, old, sessions) for new, old in arms(errors, 1)]
    return {
        "comparisons": len(verdicts),
        "called_better_or_worse_share": float(np.mean([v.verdict in (BETTER, WORSE) for v in verdicts])),
    }


def judged(errors: dict[str, Errors], sessions: list[str]) -> dict[str, Any]:
    """Everything, for both errors."""
    return {
        name: {
            "base": float(rows[0].mean()),
            "trained": float(rows[1:].mean()),
            "spread_over_seeds": float(rows[1:].mean(axis=1).std(ddof=1)),
            "no_difference": [false_gains(rows[1:], sessions, seeds) for seeds in SEEDS],
            "planted": [found_gains(rows[1:], sessions, s, moved) for s in SEEDS for moved in MOVED]
            if name == LATENT
            else [],
            "one_training_against_another": single_trainings(rows[1:], sessions),
        }
        for name, rows in errors.items()
    }


def judge_file(path: Path) -> dict[str, Any]:
    """Everything about the errors that `replay_only.py` has written."""
    stored = read_tensors(path)
    errors = {name: stored[name].double().numpy() for name in (LATENT, ACTION)}
    sessions = [f"{number:04d}" for number in stored[SESSION].tolist()]
    return {
        "trainings": len(errors[LATENT]) - 1,
        "windows": len(sessions),
        "sessions": len(set(sessions)),
        "errors": judged(errors, sessions),
    }


def main() -> None:
    """Read, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("errors", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    record = {
        "what": "verdicts on pairs of arms of short trainings on replay alone, which differ by seed only",
        "command": f"python tests/studies/judged.py {given.errors.name} {given.out.name}",
        "base": read_identity("tiny")[0].fingerprint,
        **judge_file(given.errors),
    }
    given.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
