"""Which words does `wam-adapt serve` take? Only argparse."""

import argparse

from pipelines.parsers import Verbs, add_verb

_EXAMPLES = """\
examples:
  wam-adapt serve --bundle models/pour                                     to robots on this machine, port 8000
  wam-adapt serve --bundle models/pour --host 0.0.0.0 --limits arm.yaml    to all who have the key, within limits
  wam-adapt serve --bundle models/pour --shadow shadow.jsonl               command nothing, write down what it would do

Clients of openpi and RoboArena can connect as they are; Python: from adapt.serve.client import Client.
The key is read from --api-key-file, or from WAM_ADAPT_API_KEY. Ctrl-C stops it once what it is answering is answered.
Needs the extra: pip install 'wam-adapt[serve]'"""


def add_serve(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb `serve`."""
    serve = add_verb(
        verbs, "serve", "answer robots over a websocket, within their limits (extra: serve)", shared, examples=_EXAMPLES
    )
    serve.add_argument(
        "--bundle",
        required=True,
        metavar="DIR",
        help="a bundle's folder, pulled or made here; tiny, or a base's folder",
    )
    serve.add_argument("--embodiment", metavar="BODY", help="a body that the base knows (default: the bundle's own)")
    serve.add_argument("--base", metavar="DIR", help="the base's folder, where it does not ship with this package")
    serve.add_argument("--port", type=int, default=8000, metavar="N", help="where to listen (8000); 0 for any")
    serve.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="this machine alone (127.0.0.1), or 0.0.0.0 for all"
    )
    serve.add_argument("--api-key-file", metavar="FILE", help="a file whose first line is the key that clients send")
    serve.add_argument("--limits", metavar="FILE", help="a YAML file of limits (default: those of the body's own file)")
    serve.add_argument("--keys", metavar="FILE", help="a YAML file of the names under which a client sends its data")
    serve.add_argument("--task", metavar="TEXT", help="the instruction, for clients that send none")
    serve.add_argument(
        "--deadline-ms",
        type=float,
        metavar="MS",
        help="longer than this, and the robot is told to hold (two chunks; 0: never)",
    )
    serve.add_argument("--executed", type=int, metavar="K", help="actions of each chunk that are sent (all)")
    serve.add_argument("--clients", type=int, default=16, metavar="N", help="connections at once (16)")
    serve.add_argument(
        "--seed", type=int, default=0, metavar="S", help="another one, other noise in what is imagined (0)"
    )
    serve.add_argument("--shadow", metavar="FILE", help="command nothing; write down what it would do, as JSON lines")
    serve.set_defaults(verb="serve", stopped="nothing is served any more")
