"""The command line's one door: parse, run the verb, and tell what went wrong in words instead of a traceback."""

import importlib.util
import multiprocessing
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stderr, suppress
from pathlib import Path
from typing import NoReturn, TextIO, cast

from pipelines.arguments import build_parser
from pipelines.terminal import Terminal, Unwatched

GOOD, FAILED, STOPPED = 0, 1, 130
# Among other stages; reading verbs harm nobody.
NOT_SHARED = frozenset(
    (
        *("adapt", "demo", "study", "pretrain", "publish", "merge", "sim_record", "sim_try", "tabletop", "doctor"),
        *("withdraw", "cache_verify", "cache_prune", "serve", "embodiment_init"),
    )
)


def program() -> NoReturn:
    """What `wam-adapt` runs: the answer of `main` becomes the exit status.

    After Ctrl-C the process ends at once: what was to be kept is on disk, and the seconds in which large libraries
    take leave of each other are the user's.
    """
    try:
        code = main()
    except KeyboardInterrupt:  # Before a verb was found, or while the last word was said.
        code = STOPPED
    if code == STOPPED:
        for child in multiprocessing.active_children():
            child.terminate()
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # Closed, or nobody listens.
                stream.flush()
        os._exit(code)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after the program's name; those of this process by default.

    Returns:
        The exit status: 0 good, 1 failed, 130 stopped by the user. Wrong usage exits with 2.
    """
    # Threads that spin while they wait make everything ten times slower where a core is shared with anything else.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Read when a GPU is first used, which may be long before training wants it to give the same numbers every time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if (foreign := find_foreign_adapt()) is not None:
        sys.stderr.write(foreign)
        return FAILED
    arguments = build_parser().parse_args(argv)
    if not _prepare_for_company(arguments):
        return FAILED
    asked = {name: getattr(arguments, name, False) for name in ("quiet", "debug")}
    return _run(arguments, Terminal(machine=getattr(arguments, "json", False), **asked))


def _run(arguments: Namespace, terminal: Terminal) -> int:
    from adapt.errors import AdaptError
    from pipelines import verbs

    try:
        terminal.prepare()
        unwatched = redirect_stderr(cast(TextIO, Unwatched(sys.stderr))) if terminal.quiet else nullcontext()
        with unwatched:
            getattr(verbs, arguments.verb)(arguments, terminal)
        sys.stdout.flush()
        return GOOD
    except AdaptError as error:
        return _fail(error, f"error: {error}", terminal)
    except KeyboardInterrupt:
        left = getattr(arguments, "stopped", "the same command goes on from here")
        sys.stderr.write(f"\nstopped; {left}\n")
        return STOPPED
    except BrokenPipeError:
        # Whoever read our output has heard enough (`| head`): let nothing more be flushed at exit.
        sys.stdout = None
        return GOOD
    except Exception as error:  # noqa: BLE001 - the last door: nobody meets a traceback who did not ask for one
        words = " ".join(str(error).split())[:300]
        message = (
            f"error: something that should not happen has ({type(error).__name__}: {words}).\n"
            "What is finished is kept. The same command with --debug tells where it happened; please report that."
        )
        return _fail(error, message, terminal)


def _prepare_for_company(arguments: Namespace) -> bool:
    """Where torchrun or srun started several of us: whether the command can be shared. Only the first one speaks."""
    from adapt.runs.processes import find_rank  # Not before it is known that `adapt` is ours.

    rank = find_rank()
    if rank is None:
        return True
    if rank.number > 0:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
        arguments.quiet = True
    if getattr(arguments, "stage", "finetune") == "finetune" and arguments.verb not in NOT_SHARED:
        return True
    if rank.number == 0:
        verb = getattr(arguments, "stage", arguments.verb)
        sys.stderr.write(
            f"error: {verb}: {rank.size} processes were started (by torchrun or srun), but they can share only "
            "'finetune --run RUN'.\nStart this command plainly; with --set train.devices=N, training starts N itself.\n"
        )
    return False


def _fail(error: Exception, message: str, terminal: Terminal) -> int:
    if terminal.debug:
        import traceback

        traceback.print_exception(error)
    sys.stderr.write(message + "\n")
    terminal.give({"error": {"type": type(error).__name__, "message": str(error)}})
    return FAILED


def find_foreign_adapt() -> str | None:
    """What to say where another distribution's top-level `adapt` stands in ours' place; None where ours is found."""
    try:
        import adapt
        from adapt.errors import AdaptError  # noqa: F401

        if Path(adapt.__file__ or "").parents[1] == Path(__file__).parents[1] and hasattr(adapt, "__version__"):
            return None
    except (ImportError, SyntaxError, IndexError):
        pass
    spec = importlib.util.find_spec("adapt")
    place = Path(spec.origin).parent if spec is not None and spec.origin else "(nowhere)"
    return (
        f"error: the Python package 'adapt' at {place} is not wam-adapt's; another distribution (the one called "
        "'adapt' on PyPI, for example) installs one of the same name.\n"
        "Put ours back: pip uninstall adapt && pip install --force-reinstall --no-deps wam-adapt\n"
    )


if __name__ == "__main__":
    program()
