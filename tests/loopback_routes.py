"""What the loopback Hub answers: one method for each route of the Hub's HTTP API."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, quote, unquote

from loopback_store import (
    DATE,
    LARGE_ABOVE_BYTES,
    LARGE_SUFFIXES,
    Blob,
    Commit,
    RefusedError,
    Repo,
    User,
    bearer,
    file_entry,
    front_matter,
    front_matter_errors,
    is_member,
    tree_entries,
)

if TYPE_CHECKING:
    from loopback_hub import LoopbackHub


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Routes:
    """Answers requests by the first pattern that fits; names in a pattern become arguments, unquoted."""

    table: ClassVar[list[tuple[str, str, str]]] = []

    def __init__(self, hub: "LoopbackHub") -> None:
        self.owner = hub

    def answer(self, request: Request) -> Reply:
        for method, pattern, name in self.table:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                arguments = {key: unquote(value) for key, value in found.groupdict().items() if value is not None}
                with self.owner.lock:
                    reply: Reply = getattr(self, name)(request, **arguments)
                return reply
        raise RefusedError(404, f"Sorry, we can't find {request.path}")


class StorageRoutes(Routes):
    """Where large files go and come from; it must never be shown a token."""

    table: ClassVar[list[tuple[str, str, str]]] = [
        ("PUT", r"/upload/(?P<oid>\w+)", "upload"),
        ("PUT", r"/part/(?P<oid>\w+)/(?P<number>\d+)", "part"),
        ("GET", r"/blob/(?P<oid>\w+)", "blob"),
        ("HEAD", r"/blob/(?P<oid>\w+)", "blob"),
    ]

    def answer(self, request: Request) -> Reply:
        if request.headers.get("Authorization"):
            self.owner.leaks.append(self.owner.log[-1])
            raise RefusedError(400, "Only one auth mechanism allowed")
        return super().answer(request)

    def upload(self, request: Request, oid: str) -> Reply:
        if hashlib.sha256(request.body).hexdigest() != oid:
            raise RefusedError(400, "BadDigest: the content does not have the promised sha256")
        self.owner.stored[oid] = request.body
        return Reply()

    def part(self, request: Request, oid: str, number: str) -> Reply:
        self.owner.parts[oid, int(number)] = request.body
        return Reply(headers={"ETag": hashlib.md5(request.body).hexdigest()})

    def blob(self, request: Request, oid: str) -> Reply:
        content = self.owner.stored[oid]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if asked is None:
            return Reply(content, headers={"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})
        first, last = int(asked[1]), int(asked[2] or len(content) - 1)
        headers = {"ETag": f'"{oid}"', "Content-Range": f"bytes {first}-{last}/{len(content)}"}
        return Reply(content[first : last + 1], 206, headers)


API = r"/api/(?P<kind>models|datasets)/(?P<repo_id>[^/]+/[^/]+)"
FILES = r"/((?P<kind>datasets)/)?(?P<repo_id>[^/]+/[^/]+?)"


class HubRoutes(Routes):
    """The API proper: accounts, repositories, commits, refs and files."""

    table: ClassVar[list[tuple[str, str, str]]] = [
        ("GET", r"/api/agent-harnesses", "nothing"),
        ("GET", r"/api/whoami-v2", "whoami"),
        ("POST", r"/api/validate-yaml", "validate_yaml"),
        ("POST", r"/api/repos/create", "create"),
        ("DELETE", r"/api/repos/delete", "delete"),
        ("GET", r"/api/(?P<kind>models|datasets)", "find"),
        ("GET", API, "info"),
        ("GET", API + r"/revision/(?P<revision>[^/]+)", "info"),
        ("GET", API + r"/refs", "refs"),
        ("GET", API + r"/commits/(?P<revision>[^/]+)", "commits"),
        ("GET", API + r"/tree/(?P<revision>[^/]+)(/(?P<folder>.+))?", "tree"),
        ("POST", API + r"/paths-info/(?P<revision>[^/]+)", "paths_info"),
        ("POST", API + r"/preupload/(?P<revision>[^/]+)", "preupload"),
        ("POST", API + r"/commit/(?P<branch>[^/]+)", "commit"),
        ("POST", API + r"/tag/(?P<revision>[^/]+)", "tag"),
        ("DELETE", API + r"/tag/(?P<tag>[^/]+)", "untag"),
        ("POST", API + r"/branch/(?P<branch>[^/]+)", "branch"),
        ("PUT", API + r"/settings", "settings"),
        ("GET", API + r"/auth-check(/write)?", "auth_check"),
        ("POST", FILES + r"\.git/info/lfs/objects/batch", "lfs_batch"),
        ("POST", FILES + r"\.git/info/lfs/complete", "lfs_complete"),
        ("POST", FILES + r"\.git/info/lfs/verify", "lfs_verify"),
        ("GET", FILES + r"/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "resolve"),
        ("HEAD", FILES + r"/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "resolve"),
    ]

    # --- who may do what -------------------------------------------------------------------------------------

    def user(self, request: Request) -> User | None:
        token = bearer(request.headers)
        if token is None:
            return None
        if token not in self.owner.users:
            raise RefusedError(401, "Invalid credentials in Authorization header")
        return self.owner.users[token]

    def readable(self, request: Request, repo_id: str, kind: str = "models") -> Repo:
        user, repo = self.user(request), self.owner.repos.get((kind, repo_id))
        if repo is None or (repo.private and not is_member(user, repo_id)):
            raise RefusedError(401 if user is None else 404, "Repository not found", "RepoNotFound")
        return repo

    def writable(self, request: Request, repo_id: str, kind: str = "models") -> Repo:
        repo, user = self.readable(request, repo_id, kind), self.user(request)
        if user is None:
            raise RefusedError(401, "Invalid username or password.")
        if not (user.may_write and is_member(user, repo_id)):
            raise RefusedError(403, "Forbidden: you must use a write token to upload to a repository.")
        return repo

    def nothing(self, _request: Request) -> Reply:
        return Reply({})

    def whoami(self, request: Request) -> Reply:
        user = self.user(request)
        if user is None:
            raise RefusedError(401, "Invalid user token.")
        role = {"displayName": "test", "role": "write" if user.may_write else "read"}
        orgs = [{"name": name, "type": "org"} for name in user.organisations]
        return Reply({"name": user.name, "type": "user", "orgs": orgs, "auth": {"accessToken": role}})

    def auth_check(self, request: Request, kind: str, repo_id: str) -> Reply:
        (self.writable if request.path.endswith("/write") else self.readable)(request, repo_id, kind)
        return Reply({})

    # --- repositories ----------------------------------------------------------------------------------------

    def create(self, request: Request) -> Reply:
        asked, user = request.json(), self.user(request)
        if user is None:
            raise RefusedError(401, "Invalid username or password.")
        repo_id = f"{asked.get('organization') or user.name}/{asked['name']}"
        if not (user.may_write and is_member(user, repo_id)):
            raise RefusedError(403, f"You don't have the rights to create a model under the namespace {repo_id}")
        kind, url = asked.get("type", "model") + "s", f"{self.owner.endpoint}/{repo_id}"
        if (kind, repo_id) in self.owner.repos:
            return Reply({"error": "You already created this model repo", "url": url}, 409)
        private = asked.get("visibility", "private" if asked.get("private") else "public") == "private"
        repo = self.owner.repos[kind, repo_id] = Repo(kind, repo_id, private)
        repo.add(
            "initial commit", {".gitattributes": Blob.small(b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n")}
        )
        return Reply({"url": url, "name": repo_id, "id": repo_id})

    def delete(self, request: Request) -> Reply:
        asked, user = request.json(), self.user(request)
        repo_id = f"{asked.get('organization') or (user.name if user else '')}/{asked['name']}"
        kind = asked.get("type", "model") + "s"
        self.writable(request, repo_id, kind)
        del self.owner.repos[kind, repo_id]
        return Reply({})

    def settings(self, request: Request, kind: str, repo_id: str) -> Reply:
        repo, asked = self.writable(request, repo_id, kind), request.json()
        repo.private = asked.get("visibility", "private" if repo.private else "public") == "private"
        repo.gated = bool(asked.get("gated", repo.gated))
        return Reply({})

    def find(self, request: Request, kind: str) -> Reply:
        user, author = self.user(request), request.query.get("author", [""])[0]
        seen = [
            repo
            for (of_kind, repo_id), repo in self.owner.repos.items()
            if of_kind == kind and repo_id.startswith(author) and (not repo.private or is_member(user, repo_id))
        ]
        return Reply([self.describe(repo, repo.head) for repo in seen])

    def info(self, request: Request, kind: str, repo_id: str, revision: str = "main") -> Reply:
        repo = self.readable(request, repo_id, kind)
        return Reply(self.describe(repo, repo.at(revision)))

    def describe(self, repo: Repo, commit: Commit) -> dict[str, Any]:
        card = front_matter(self.owner.content(commit.files["README.md"])) if "README.md" in commit.files else {}
        facts = {"id": repo.repo_id, "modelId": repo.repo_id, "sha": commit.oid, "private": repo.private}
        facts |= {"gated": "manual" if repo.gated else False, "disabled": False, "cardData": card}
        facts |= {"tags": card.get("tags", []), "pipeline_tag": card.get("pipeline_tag"), "downloads": 0, "likes": 0}
        return facts | {"siblings": [{"rfilename": path} for path in sorted(commit.files)]}

    def validate_yaml(self, request: Request) -> Reply:
        errors = list(front_matter_errors(request.json()["content"].encode()))
        return Reply({"errors": [{"message": text} for text in errors], "warnings": []}, 400 if errors else 200)

    # --- refs and commits ------------------------------------------------------------------------------------

    def refs(self, request: Request, kind: str, repo_id: str) -> Reply:
        repo = self.readable(request, repo_id, kind)

        def entries(refs: dict[str, str], folder: str) -> list[dict[str, str]]:
            return [{"name": n, "ref": f"refs/{folder}/{n}", "targetCommit": oid} for n, oid in refs.items()]

        return Reply({"branches": entries(repo.branches, "heads"), "tags": entries(repo.tags, "tags"), "converts": []})

    def commits(self, request: Request, kind: str, repo_id: str, revision: str) -> Reply:
        repo = self.readable(request, repo_id, kind)
        oid, listed = repo.at(revision).oid, []
        while oid:
            commit = repo.commits[oid]
            listed.append({"id": oid, "title": commit.title, "message": "", "date": DATE, "authors": []})
            oid = commit.parents[0] if commit.parents else ""
        return Reply(listed)

    def tag(self, request: Request, kind: str, repo_id: str, revision: str) -> Reply:
        repo, name = self.writable(request, repo_id, kind), request.json()["tag"]
        if name in repo.tags:
            raise RefusedError(409, f"Tag {name} already exists")
        repo.tags[name] = repo.at(revision).oid
        return Reply({})

    def untag(self, request: Request, kind: str, repo_id: str, tag: str) -> Reply:
        if self.writable(request, repo_id, kind).tags.pop(tag, None) is None:
            raise RefusedError(404, f"Tag {tag} does not exist", "RevisionNotFound")
        return Reply({})

    def branch(self, request: Request, kind: str, repo_id: str, branch: str) -> Reply:
        repo = self.writable(request, repo_id, kind)
        if branch in repo.branches:
            raise RefusedError(409, f"Reference already exists: {branch}")
        repo.branches[branch] = repo.at((json.loads(request.body or b"{}")).get("startingPoint", "main")).oid
        return Reply({})

    def preupload(self, request: Request, kind: str, repo_id: str, revision: str) -> Reply:
        files = self.writable(request, repo_id, kind).at(revision).files
        replies = []
        for asked in request.json()["files"]:
            path, sample = asked["path"], base64.b64decode(asked["sample"])
            large = path.endswith(LARGE_SUFFIXES) or asked["size"] > LARGE_ABOVE_BYTES or b"\0" in sample
            reply = {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            replies.append(reply | ({"oid": files[path].oid} if path in files else {}))
        return Reply({"files": replies})

    def commit(self, request: Request, kind: str, repo_id: str, branch: str) -> Reply:
        repo = self.writable(request, repo_id, kind)
        header, *steps = (json.loads(line) for line in request.body.splitlines())
        parent = header["value"].get("parentCommit")
        if parent is not None and parent != repo.branches.get(branch):
            raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
        files = dict(repo.at(branch).files)
        for step in steps:
            self.apply(files, step["key"], step["value"])
        commit = repo.add(header["value"]["summary"], files, branch)
        url = f"{self.owner.endpoint}/{repo_id}/commit/{commit.oid}"
        return Reply({"success": True, "commitOid": commit.oid, "commitUrl": url})

    def apply(self, files: dict[str, Blob], key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "file":
            files[path] = Blob.small(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if value["oid"] not in self.owner.stored:
                raise RefusedError(400, f"LFS pointer pointed to a file that does not exist: {path}")
            files[path] = Blob(value["oid"], len(self.owner.stored[value["oid"]]))
        elif key in ("deletedFile", "deletedFolder"):
            gone = [name for name in files if name == path or name.startswith(path.rstrip("/") + "/")]
            if not gone:
                raise RefusedError(404, "A file with this name doesn't exist", "EntryNotFound")
            for name in gone:
                del files[name]
        else:
            raise RefusedError(400, f"unknown operation {key}")

    # --- files -----------------------------------------------------------------------------------------------

    def tree(self, request: Request, kind: str, repo_id: str, revision: str, folder: str = "") -> Reply:
        commit = self.readable(request, repo_id, kind).at(revision)
        prefix = folder.rstrip("/") + "/" if folder else ""
        inside = {path: blob for path, blob in commit.files.items() if path.startswith(prefix)}
        if folder and not inside:
            raise RefusedError(404, f"{folder} does not exist on {revision}", "EntryNotFound")
        deep = request.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries = tree_entries(inside, prefix, deep=deep)
        first = int(request.query.get("cursor", ["0"])[0])
        rest, headers = first + self.owner.page_size, {}
        if rest < len(entries):
            query = f"recursive={deep}&cursor={rest}"
            headers["Link"] = f'<{self.owner.endpoint}{quote(request.path, safe="/%")}?{query}>; rel="next"'
        return Reply(entries[first:rest], headers=headers)

    def paths_info(self, request: Request, kind: str, repo_id: str, revision: str) -> Reply:
        files = self.readable(request, repo_id, kind).at(revision).files
        asked = parse_qs(request.body.decode()).get("paths", [])
        return Reply([file_entry(path, files[path]) for path in asked if path in files])

    def resolve(self, request: Request, repo_id: str, revision: str, path: str, kind: str = "models") -> Reply:
        repo = self.readable(request, repo_id, kind)
        user = self.user(request)
        if repo.gated and not (user and (user.reads_gated or is_member(user, repo_id))):
            raise RefusedError(403 if user else 401, f"Access to {repo_id} is restricted.", "GatedRepo")
        commit = repo.at(revision)
        if path not in commit.files:
            raise RefusedError(404, "Entry not found", "EntryNotFound")
        blob, headers = commit.files[path], {"X-Repo-Commit": commit.oid}
        if blob.content is not None:
            return Reply(blob.content, headers=headers | {"ETag": f'"{blob.oid}"'})
        headers |= {"X-Linked-ETag": f'"{blob.oid}"', "X-Linked-Size": str(blob.size), "ETag": f'"{blob.oid}"'}
        return Reply(b"", 302, headers | {"Location": f"{self.owner.storage}/blob/{blob.oid}"})

    def lfs_batch(self, request: Request, repo_id: str, kind: str = "models") -> Reply:
        asked = request.json()
        upload = asked["operation"] == "upload"
        (self.writable if upload else self.readable)(request, repo_id, kind)
        objects = []
        for entry in asked["objects"]:
            reply = {"oid": entry["oid"], "size": entry["size"], "authenticated": True}
            if upload and entry["oid"] not in self.owner.stored:
                reply["actions"] = self.upload_actions(repo_id, entry["oid"], entry["size"])
            elif not upload:
                reply["actions"] = {"download": {"href": f"{self.owner.storage}/blob/{entry['oid']}"}}
            objects.append(reply)
        return Reply({"transfer": "basic", "objects": objects})

    def upload_actions(self, repo_id: str, oid: str, size: int) -> dict[str, Any]:
        here = f"{self.owner.endpoint}/{repo_id}.git/info/lfs"
        verify = {"href": f"{here}/verify"}
        if size <= self.owner.multipart_above:
            return {"upload": {"href": f"{self.owner.storage}/upload/{oid}"}, "verify": verify}
        parts = range(1, -(-size // self.owner.part_bytes) + 1)
        header = {str(number): f"{self.owner.storage}/part/{oid}/{number}" for number in parts}
        header["chunk_size"] = str(self.owner.part_bytes)
        return {"upload": {"href": f"{here}/complete", "header": header}, "verify": verify}

    def lfs_complete(self, request: Request, **_place: str) -> Reply:
        asked = request.json()
        numbers = sorted(part["partNumber"] for part in asked["parts"])
        content = b"".join(self.owner.parts.pop((asked["oid"], number)) for number in numbers)
        if hashlib.sha256(content).hexdigest() != asked["oid"]:
            raise RefusedError(400, "BadDigest: the parts do not have the promised sha256")
        self.owner.stored[asked["oid"]] = content
        return Reply({})

    def lfs_verify(self, request: Request, repo_id: str, kind: str = "models") -> Reply:
        self.writable(request, repo_id, kind)
        asked = request.json()
        if len(self.owner.stored.get(asked["oid"], b"")) != asked["size"]:
            raise RefusedError(404, "Object does not exist")
        return Reply({})
