"""How does the command line speak? Results to standard output; progress, warnings and errors to standard error."""

import json
import logging
import sys
import warnings
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# Wide enough that nothing is folded where nobody looks: a pipe or a file.
_PIPE_WIDTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What was asked of the output.

    Attributes:
        machine: One JSON value on standard output instead of words.
        quiet: No progress on standard error; warnings and errors still come.
        debug: Tracebacks, and what libraries have to say.
    """

    machine: bool = False
    quiet: bool = False
    debug: bool = False

    def prepare(self) -> None:
        """Set up logging: our own words always, the libraries' only when debugging."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # A file's name may be more than a terminal can show.
        logging.addLevelName(logging.WARNING, "warning")
        logging.basicConfig(level=logging.WARNING, handlers=[_ToStandardError()], format="%(levelname)s: %(message)s")
        told = logging.WARNING if self.quiet else logging.INFO
        for name in ("adapt", "pipelines"):
            logging.getLogger(name).setLevel(logging.DEBUG if self.debug else told)
        if not self.debug:
            warnings.simplefilter("ignore")
            logging.getLogger().setLevel(logging.ERROR)

    def say(self, line: str, style: str = "") -> None:
        """Put a line of progress on standard error, unless quiet."""
        if not self.quiet:
            _console(stderr=True).print(line, style=style or None, markup=False, highlight=False, soft_wrap=True)

    def show(self, thing: "RenderableType") -> None:
        """Put a result for people on standard output; nothing when a machine listens."""
        if self.machine:
            return
        if isinstance(thing, str):
            sys.stdout.write(f"{thing}\n")
        else:
            _console(stderr=False).print(thing)

    def give(self, value: Any) -> None:  # the one JSON value of the whole command
        """Put a result for machines on standard output; nothing when people read."""
        if self.machine:
            sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


class Unwatched:
    """A stream that says nobody is watching, so that whoever would draw a progress bar does not.

    Args:
        stream: Where what is written goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        """No."""
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def shown(path: Path) -> str:
    """A path as short as it still works from here."""
    path = path.absolute()
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) and path != here else str(path)


class _ToStandardError(logging.Handler):
    """Writes to what standard error is when something is said, not to what it was when the program began."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, plainly where it tells of progress and with its level where it tells of trouble."""
        # Facts about the work stand under the stage's line; only trouble is called by its name.
        plain = record.levelno == logging.INFO
        lines = record.getMessage().splitlines() if plain else [self.format(record)]
        sys.stderr.write("".join(f"{' ' * 10 if plain else ''}{line}\n" for line in lines))


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_PIPE_WIDTH)
