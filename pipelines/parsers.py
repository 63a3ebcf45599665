"""How does a verb get its parser? Shared by all who add verbs to the command line; only argparse."""

import argparse
from typing import TypeAlias

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_verb(
    verbs: Verbs, name: str, summary: str, shared: argparse.ArgumentParser, *, examples: str = ""
) -> argparse.ArgumentParser:
    """Add one verb.

    Args:
        verbs: Where it is added.
        name: The word itself.
        summary: What it does, beginning with a small letter; also the head of its own help.
        shared: The options that every verb takes.
        examples: Whole lines for the end of its help, shown as they are.
    """
    return verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=examples or None,
        formatter_class=argparse.RawDescriptionHelpFormatter if examples else argparse.HelpFormatter,
        parents=[shared],
        allow_abbrev=False,
    )
