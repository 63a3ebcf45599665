"""How does a run become one file that a person opens, offline, in any browser?"""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from adapt.evaluate import closed_loop_results, record, study_record
from adapt.report.facts import ReportFacts
from adapt.report.looks import called, swatch
from adapt.report.views import page_words
from adapt.runs.atomic import write_atomic

NAME = "report.html"
TEMPLATES = Environment(
    loader=PackageLoader("adapt.report", "template"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_report(path: Path, facts: ReportFacts) -> Path:
    """Write a self-contained HTML page: no other file, no network, no script from elsewhere.

    Equal facts give equal bytes. The page reads without JavaScript too; its films then show their last frames.

    Args:
        path: File to write, usually RUN/evaluate/KEY/report.html; replaced if it exists.
        facts: What the page says.

    Returns:
        `path`.

    Raises:
        ValueError: There is neither an evaluation nor a study to report.
    """
    write_atomic(path, render_report(facts))
    return path


def render_report(facts: ReportFacts) -> str:
    """The page as text; arguments and errors as above."""
    if facts.evaluation is None and facts.study is None and facts.closed_loop is None:
        raise ValueError("a report needs an evaluation or a study; found neither")
    style, script = asset("report.css"), asset("report.js")
    words: dict[str, Any] = {
        **page_words(facts),
        "style": style,
        "script": script,
        "policy": policy_of(style, script),
        "records": _records(facts),
        "swatch": swatch,
        "called": called,
    }
    return TEMPLATES.get_template("report.html.j2").render(words).strip() + "\n"


def policy_of(style: str, script: str) -> str:
    """A content security policy: this style, this script, pictures inside the page, and nothing from anywhere."""
    return (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def read_part(name: str) -> str:
    """A file of the page's template, as it ships with the package.

    Args:
        name: For example "report.css".
    """
    assert TEMPLATES.loader is not None
    return TEMPLATES.loader.get_source(TEMPLATES, name)[0]


def asset(name: str) -> Markup:
    """A part that goes into the page as it is; it is ours, and must not be escaped."""
    return Markup(read_part(name))


def _records(facts: ReportFacts) -> list[tuple[str, Markup]]:
    """The records themselves, for programs that find the page alone; by the id of their element."""
    records = []
    if facts.evaluation is not None:
        records.append(("evaluation", as_data(record.to_json(facts.evaluation))))
    if facts.study is not None:
        records.append(("study-record", as_data(study_record.to_json(facts.study))))
    if facts.closed_loop is not None:
        records.append(("closed-loop-record", as_data(closed_loop_results.as_part(facts.closed_loop))))
    return records


def as_data(value: Mapping[str, Any]) -> Markup:
    """JSON that no text inside can end early or turn into markup."""
    text = json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
