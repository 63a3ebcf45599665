"""A Hub on the loopback interface: the Hub's HTTP API, for the real `huggingface_hub` client, in this process.

    with LoopbackHub() as hub:
        hub.add_user("ana", token="hf_ana", organisations=["lab"])
        HfApi(endpoint=hub.endpoint, token="hf_ana").create_repo("lab/pour", private=True)
        assert hub.log[-1].path == "/api/repos/create"

It has two origins, as the real one has: the Hub itself on 127.0.0.1 and the storage of large files on `localhost`,
where a request that carries an Authorization header is refused (and kept in `hub.leaks`). Commits are atomic and
guarded by their parent; uploads are checked against their sha256; private and gated repositories are hidden as the
Hub hides them; `fail_next` makes any route fail on purpose. Xet is not spoken: set HF_HUB_DISABLE_XET=1.
"""

import re
import socket
import struct
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from loopback_routes import HubRoutes, Reply, Request, Routes, StorageRoutes
from loopback_store import Blob, RefusedError, Repo, User, bearer


@dataclass(frozen=True)
class Logged:
    """One request as it arrived."""

    origin: str  # "hub" or "storage"
    method: str
    path: str
    token: str | None


@dataclass
class Fault:
    """What `fail_next` asked for."""

    method: str
    pattern: str
    status: int | None  # None: the connection is reset
    times: int
    after: bool  # the request takes effect first, and only its answer is lost
    headers: dict[str, str]
    delay_s: float  # how long the answer is kept back; then it is given as usual, unless `status` says otherwise


class LoopbackHub:
    """The whole Hub: users, repositories, stored large files, and a log of everything asked."""

    page_size = 1000  # entries of a tree per page
    multipart_above = 50_000_000  # bytes; a larger file is uploaded in parts
    part_bytes = 20_000_000

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.users: dict[str, User] = {}
        self.stored: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.log: list[Logged] = []
        self.leaks: list[Logged] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self._servers: list[ThreadingHTTPServer] = []

    def __enter__(self) -> Self:
        self.hub = self._serve("127.0.0.1", "hub", HubRoutes(self))
        self.storage = self._serve("localhost", "storage", StorageRoutes(self))
        return self

    def __exit__(self, *error: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _serve(self, host: str, origin: str, routes: "Routes") -> str:
        handler = type("Handler", (Handler,), {"owner": self, "origin": origin, "routes": routes})
        server = ThreadingHTTPServer((host, 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self._servers.append(server)
        return f"http://{host}:{server.server_address[1]}"

    @property
    def endpoint(self) -> str:
        return self.hub

    def add_user(
        self, name: str, *, token: str, organisations: tuple[str, ...] = (), may_write: bool = True, gated: bool = False
    ) -> None:
        self.users[token] = User(name, tuple(organisations), may_write, gated)

    def repo(self, repo_id: str, kind: str = "models") -> Repo:
        return self.repos[kind, repo_id]

    def fail_next(
        self,
        method: str,
        pattern: str,
        *,
        status: int | None = 500,
        times: int = 1,
        after: bool = False,
        **headers: str,
    ) -> None:
        """Make the next `times` requests whose path matches fail; `status=None` resets the connection."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append(Fault(method, pattern, status, times, after=after, headers=named, delay_s=0.0))

    def delay_next(self, method: str, pattern: str, *, delay_s: float, times: int = 1) -> None:
        """Keep the next answers back for a while."""
        self.faults.append(Fault(method, pattern, 200, times, after=True, headers={}, delay_s=delay_s))

    def take_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.method in (method, "*") and re.search(fault.pattern, path):
                    fault.times -= 1
                    return fault
        return None

    def content(self, blob: Blob) -> bytes:
        return blob.content if blob.content is not None else self.stored[blob.oid]

    def corrupt(self, repo_id: str, path: str) -> None:
        """Flip the last byte of a stored file, leaving its name, size and digests as they were."""
        repo = self.repo(repo_id)
        blob = repo.head.files[path]
        broken = self.content(blob)[:-1] + bytes([self.content(blob)[-1] ^ 1])
        if blob.content is None:
            self.stored[blob.oid] = broken
        else:
            repo.head.files[path] = Blob(blob.oid, blob.size, broken)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, logs it, lets it fail if asked to, and writes the answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece; otherwise each waits 40 ms for an acknowledgement
    disable_nagle_algorithm = True
    owner: LoopbackHub
    origin: str
    routes: Routes

    def serve(self) -> None:
        parts = urlsplit(self.path)
        request = Request(self.command, parts.path, parse_qs(parts.query), self.headers, self.read_body())
        self.owner.log.append(Logged(self.origin, self.command, unquote(parts.path), bearer(self.headers)))
        fault = self.owner.take_fault(self.command, parts.path)
        reply = self.answer(request) if fault is None or fault.after else Reply()
        if fault is None:
            self.write(reply)
        elif fault.delay_s:
            time.sleep(fault.delay_s)
            self.write(reply)
        elif fault.status is None:
            self.reset()
        else:
            self.write(Reply({"error": "made to fail"}, fault.status, fault.headers))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815 - the names http.server calls

    def answer(self, request: Request) -> Reply:
        try:
            return self.routes.answer(request)
        except RefusedError as refused:
            headers = {"X-Error-Code": refused.code} if refused.code else {}
            return Reply({"error": refused.message}, refused.status, headers | {"X-Error-Message": refused.message})

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def write(self, reply: Reply) -> None:
        payload = reply.payload()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def reset(self) -> None:
        """Drop the connection the hard way, so that the client sees a reset and no answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def finish(self) -> None:
        if self.connection.fileno() >= 0:
            super().finish()

    def log_message(self, *arguments: object) -> None:
        """Stay quiet: the log is kept in `LoopbackHub.log`."""
