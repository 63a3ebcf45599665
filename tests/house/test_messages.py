"""Every error message of the package says three things: what it is about, what was found, and what to do."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "adapt").rglob("*.py"), *(ROOT / "pipelines").rglob("*.py")])
ERRORS = {
    item.name
    for item in ast.parse((ROOT / "adapt/errors.py").read_text(encoding="utf-8")).body
    if isinstance(item, ast.ClassDef)
}
# What a message may tell its reader to do.
REMEDIES = (
    "add|ask|begin|bundle|call|change|check|choose|close|connect|convert|copy|cut|delete|do|download|drop|empty|"
    "encode|end|evaluate|export|fetch|fill|finetune|free|give|go|group|ingest|install|keep|leave|let|load|log|look|"
    "lower|make|measure|mend|move|name|open|pass|pip|publish|pull|put|raise|read|record|remove|rename|repair|resize|"
    "restore|retry|run|save|say|see|send|serve|set|shorten|show|spell|split|start|state|stop|take|tell|train|try|"
    "turn|undo|unset|update|use|wait|write"
)
# A clause that begins with such a word; or that offers the nearest name; or that says what a value must be.
REMEDY = re.compile(
    rf"(?:[;.:?!,)}}'`] |\}}|, or |, and |, then )(?:or )?(?:(?:{REMEDIES})\b|did you mean|it takes )", re.IGNORECASE
)
ABSENCE = re.compile(r"\b(no|not|nothing|none|nobody|without|lacks|missing|empty|already|is gone|ended|holds|only)\b")

# Messages that are whole only together with what is put around them, or into them; each with where that is seen to.
PARTS = {
    "adapt/runs/noted.py": "`remedy` is an imperative of each sort of note's own",
    "adapt/hands/model_file.py": "reasons, gathered into one message that names the file and the way out",
    "adapt/video/probe.py": "`error` is a whole message of the canvas or the colours",
    "adapt/video/pyav_reader.py": "`error` is a whole message; a time before 0 is a fault of the caller",
    "adapt/video/sniff.py": "`what` is a message of `_MAGIC`, checked where the table is",
    "adapt/evaluate/schema.py": "{remedy} is one of two sentences",
    "adapt/policy/bundle_files.py": "{remedy} is the command that updates this package",
    "adapt/policy/observation.py": "{remedy} and the sentence about the state are imperatives of their own",
    "pipelines/left_out.py": "`_reason` ends with what to do",
    "pipelines/recipes.py": "what Hydra says, put by `_in_short` before what it knows",
    "pipelines/sim_record.py": "the message of `new_folder`, with the option that named the folder before it",
    "adapt/train/trained.py": "a fault of the program, and says so",
    "pipelines/adapt_all.py": "a fault of the program, and says so",
    "pipelines/finetune.py": "said by a helper whose leader has failed, and says why",
    "adapt/sim/recording.py": "a fault of the caller in Python, who is told the function to call",
}


@dataclass(frozen=True)
class Message:
    """One place where an error for the user is made."""

    place: str
    text: str  # with {} for what is put in; empty where it is made elsewhere

    @property
    def file(self) -> str:
        return self.place.partition(":")[0]

    @property
    def subject(self) -> str:
        """What comes before it is said what was found."""
        return re.split(r"[:;,] |\. ", self.text)[0]


def census() -> Iterator[Message]:
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = _constants(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                text = _text(node.args[0], constants) if node.args else ""
                yield Message(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}", text)


def _constants(tree: ast.Module) -> dict[str, str]:
    """Texts that have a name in their file, such as a remedy that several messages end with."""
    return {
        target.id: item.value.value
        for item in tree.body
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str)
        for target in item.targets
        if isinstance(target, ast.Name)
    }


def _text(node: ast.expr, constants: dict[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.FormattedValue):
        named = node.value.id if isinstance(node.value, ast.Name) else ""
        shared = {**constants, "ANEW": "Fetch or build the base again."}
        return shared.get(named, "{}")
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, constants) for part in node.values)
    return ""


MESSAGES = [message for message in census() if message.text]


def lacking(rule: Callable[[Message], object]) -> list[str]:
    """The messages that do not keep a rule, with where they are made."""
    return [f"{message.place}: {message.text}" for message in MESSAGES if not rule(message)]


def names_its_subject(message: Message) -> object:
    named = "{}" in message.subject or re.search(r"['`]|--\w|\w[._]\w", message.subject)
    prefixed = re.match(r"[\w ]{3,40}: ", message.text)
    keyed = re.match(r"[a-z_]+ (is|has) ", message.text)
    return named or prefixed or keyed


def says_what_was_found(message: Message) -> object:
    return "{}" in message.text or ABSENCE.search(message.text)


def says_what_to_do(message: Message) -> object:
    return REMEDY.search(message.text)


def speaks_plainly(message: Message) -> object:
    words = re.sub(r"\{\}|'[^']*'", "", message.text)
    return not re.search(r"!|\n.|\b(Error|ERROR|[Ii]nvalid|illegal|failed to)\b", words)


def test_the_census_finds_the_messages() -> None:
    """Written out where they are raised, but for a few that are put together by a function of their own."""
    assert len(MESSAGES) > 350
    assert len(list(census())) - len(MESSAGES) <= 12


def test_every_message_begins_with_what_it_is_about() -> None:
    assert lacking(names_its_subject) == []


def test_every_message_says_what_was_found() -> None:
    assert lacking(says_what_was_found) == []


def test_every_message_says_what_to_do() -> None:
    assert [told for told in lacking(says_what_to_do) if told.partition(":")[0] not in PARTS] == []


def test_what_is_let_off_is_still_there_and_still_needs_it() -> None:
    assert set(PARTS) <= {told.partition(":")[0] for told in lacking(says_what_to_do)}


def test_every_message_is_one_paragraph_without_shouting() -> None:
    assert lacking(speaks_plainly) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("something went wrong, as {} says; give another", names_its_subject),
        ("recipe: the value is bad; give another", says_what_was_found),
        ("recipe: {} is bad", says_what_to_do),
        ("recipe: {} is what it should not be, so the run was stopped", says_what_to_do),
        ("recipe: invalid value {}; give another", speaks_plainly),
    ],
)
def test_a_message_that_falls_short_is_noticed(text: str, rule: Callable[[Message], object]) -> None:
    assert not rule(Message("nowhere.py:1", text))
