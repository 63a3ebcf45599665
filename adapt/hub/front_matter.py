"""What stands between the two `---` of a card, and is it what the Hub accepts?

The Hub's own check needs the network, so what we rely on is checked here, before anything is sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from adapt.errors import CardError
from adapt.hub.wording import one_line
from adapt.runs.documents import parse_yaml

# Ours, not "peft": PEFT's loader cannot make the base, its heads or its statistics, so its code sample would mislead.
LIBRARY = "wam-adapt"
PIPELINE_TAG = "robotics"
RELATION = "adapter"

# Licence ids of the Hub that a video model's weights may carry; any other is "other", with a name and a link.
_LICENSE_IDS = """
apache-2.0 mit openrail openrail++ creativeml-openrail-m bigscience-openrail-m afl-3.0 artistic-2.0 bsl-1.0
bsd bsd-2-clause bsd-3-clause cc0-1.0 cc-by-2.0 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0
cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-4.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 ecl-2.0 epl-2.0 eupl-1.2
agpl-3.0 gpl-2.0 gpl-3.0 lgpl-2.1 lgpl-3.0 isc mpl-2.0 ms-pl ncsa osl-3.0 postgresql unlicense zlib wtfpl other
"""
LICENSES = frozenset(_LICENSE_IDS.split())
KINDS: dict[str, type] = {
    "license": str,
    "license_name": str,
    "license_link": str,
    "library_name": str,
    "pipeline_tag": str,
    "base_model": str,
    "base_model_relation": str,
    "tags": list,
}
REQUIRED = ("license", "library_name", "pipeline_tag", "tags")

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_LICENSE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_BLOCK = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFacts:
    """The base an adapter belongs to, and its licence."""

    id: str  # a Hub repository ("owner/name"), or the name of a base that ships with this package ("tiny")
    revision: str
    fingerprint: str
    license: str  # a licence id of the Hub, such as "apache-2.0"; "other" needs a name and a link
    license_name: str = ""
    license_link: str = ""

    @property
    def on_hub(self) -> bool:
        """Whether the base is a repository of the Hub, which a card may link to."""
        return self.id.count("/") == 1


def build_front_matter(base: BaseFacts, kind: str, body: str) -> str:
    """The YAML of an adapter's card, without its `---` lines.

    Args:
        base: The base; the adapter carries its licence. A base that is no repository of the Hub is not linked to.
        kind: "human" or "play".
        body: Name of the embodiment.

    Returns:
        YAML lines, ending in a newline.
    """
    taught_with = "human-video" if kind == "human" else "robot-play"
    tags = ["robotics", "world-action-model", "lora", "safetensors", taught_with, as_tag(body)]
    values: dict[str, Any] = {"license": base.license}
    if base.license == "other":
        values |= {"license_name": base.license_name, "license_link": base.license_link}
    values |= {"library_name": LIBRARY, "pipeline_tag": PIPELINE_TAG}
    if base.on_hub:
        values |= {"base_model": base.id, "base_model_relation": RELATION}
    values = {key: one_line(value) for key, value in values.items()}
    return yaml.safe_dump({**values, "tags": [tag for tag in dict.fromkeys(tags) if tag]}, sort_keys=False)


def as_tag(text: str) -> str:
    """The text as a tag: lower case letters, digits, dots, underscores and dashes; empty where nothing is left."""
    return re.sub(r"[^a-z0-9._-]+", "-", one_line(text).lower()).strip("-._")[:64]


def read_front_matter(card: str) -> dict[str, Any]:
    """Parse a card's front matter as the Hub does.

    Raises:
        CardError: The card does not start with a YAML mapping between two `---` lines.
    """
    block = _BLOCK.match(card)
    if block is None:
        raise CardError("README.md: does not start with front matter between two '---' lines. Bundle the run again.")
    try:
        values = parse_yaml(block[1])
    except ValueError as error:
        raise CardError(f"README.md: front matter is not YAML ({error}). Bundle the run again.") from error
    if not isinstance(values, dict):
        raise CardError(
            f"README.md: front matter is a {type(values).__name__}, should be a mapping. Bundle the run again."
        )
    return values


def check_front_matter(card: str) -> None:
    """Refuse a card whose front matter the Hub would refuse, or that says something we never write.

    Raises:
        CardError: A key is unknown, missing, or holds what it may not.
    """
    values = read_front_matter(card)
    for key in REQUIRED:
        if key not in values:
            raise CardError(f"README.md: front matter lacks '{key}'. Bundle the run again.")
    for key, value in values.items():
        if key not in KINDS:
            raise CardError(f"README.md: front matter holds {key!r}, which adapter cards do not have. Remove it.")
        if not isinstance(value, KINDS[key]):
            raise CardError(
                f"README.md: front matter's '{key}' is {value!r}, should be a {KINDS[key].__name__}. Mend it."
            )
    _check_license(values)
    _check_base(values)
    for tag in values["tags"]:
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):
            raise CardError(f"README.md: tag {tag!r} is not lower-case letters, digits, '.', '_' and '-'. Rename it.")


def _check_license(values: Mapping[str, Any]) -> None:
    found = values["license"]
    if found not in LICENSES:
        raise CardError(
            f"README.md: license {found!r} is not a licence id of the Hub. Write 'other' in the base's record, with "
            "license_name and license_link."
        )
    if found != "other":
        return
    name, link = values.get("license_name", ""), values.get("license_link", "")
    if not _LICENSE_NAME.fullmatch(name) or not link.startswith("https://"):
        raise CardError(
            f"README.md: license is 'other', with license_name {name!r} and license_link {link!r}. Give a name of "
            "lower-case letters and dashes and an https link in the base's record."
        )


def _check_base(values: Mapping[str, Any]) -> None:
    base, relation = values.get("base_model"), values.get("base_model_relation")
    if base is not None and not _REPO_ID.fullmatch(base):
        raise CardError(f"README.md: base_model {base!r} is not a Hub repository 'owner/name'. Mend the base's record.")
    if (base is None) != (relation is None) or relation not in (None, RELATION):
        raise CardError(
            f"README.md: base_model_relation is {relation!r}, should be '{RELATION}' beside a base_model. "
            "Bundle the run again."
        )
