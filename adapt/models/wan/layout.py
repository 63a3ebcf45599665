"""Which tokens a window is made of, which may see which, where each stands in space and time, and its noise level.

Everything is read off one token table: a kind, a chunk and a position per token. Another arrangement (another base's
order, or one that sees more) is another table or another set of rules, never another transformer:
`adapt.models.dreamzero.sequence` is one.

A window of m chunks is laid out as

    clean frames 0 .. f(m-1) | noisy frames of each chunk | action tokens of each chunk | one state token per chunk

with f latent frames a chunk. Clean frame 0 belongs to chunk 0; the clean frames of block j (the outcome of chunk j-1)
belong to chunk j, since that is the first chunk predicted from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Kind(IntEnum):
    """What a token stands for."""

    CLEAN = 0
    NOISY = 1
    ACTION = 2
    STATE = 3


class Sight(IntEnum):
    """Which chunks' tokens of a kind a token sees."""

    NONE = 0
    SAME = 1  # of its own chunk
    UP_TO = 2  # of its own chunk and all before


# (who looks, at what): how far. Pairs not listed see nothing.
Rules = Mapping[tuple[Kind, Kind], Sight]
RULES: Rules = {
    (Kind.CLEAN, Kind.CLEAN): Sight.UP_TO,
    (Kind.NOISY, Kind.CLEAN): Sight.UP_TO,
    (Kind.NOISY, Kind.NOISY): Sight.SAME,
    (Kind.ACTION, Kind.CLEAN): Sight.UP_TO,
    (Kind.ACTION, Kind.NOISY): Sight.SAME,
    (Kind.ACTION, Kind.ACTION): Sight.SAME,
    (Kind.ACTION, Kind.STATE): Sight.SAME,
    (Kind.STATE, Kind.STATE): Sight.SAME,
}
VIDEO_SEES_ACTIONS: Rules = {
    **RULES,
    (Kind.NOISY, Kind.ACTION): Sight.SAME,
    (Kind.NOISY, Kind.STATE): Sight.SAME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The shape of one batch's sequence; hashable, so everything derived from it is computed once.

    Args:
        chunks: Of the longest window, m.
        rows: Token rows of one latent frame.
        columns: Token columns of one latent frame.
        frames_per_chunk: Latent frames a chunk.
        first_noisy: First chunk with noisy frames and actions: 0 to train, m - 1 to imagine the next chunk.
        action_steps: Action tokens a chunk; 0 leaves actions and states out.
        video_sees_actions: Whether noisy video sees its chunk's actions and state.
    """

    chunks: int
    rows: int
    columns: int
    frames_per_chunk: int = 2
    first_noisy: int = 0
    action_steps: int = 0
    video_sees_actions: bool = False

    @property
    def predicted_chunks(self) -> int:
        """Chunks that have noisy frames."""
        return self.chunks - self.first_noisy

    @property
    def clean_frames(self) -> int:
        """Clean latent frames in the sequence."""
        return 1 + self.frames_per_chunk * (self.chunks - 1)

    @property
    def noisy_frames(self) -> int:
        """Noisy latent frames in the sequence."""
        return self.frames_per_chunk * self.predicted_chunks

    @property
    def first_noisy_frame(self) -> int:
        """Which latent frame of the window the first noisy one is."""
        return 1 + self.frames_per_chunk * self.first_noisy

    @property
    def video_levels(self) -> int:
        """How many noise levels the noisy frames have: one a chunk."""
        return self.predicted_chunks

    @property
    def action_levels(self) -> int:
        """How many noise levels the actions have: one a chunk."""
        return self.predicted_chunks if self.action_steps else 0

    @property
    def rules(self) -> Rules:
        """Who sees whom."""
        return VIDEO_SEES_ACTIONS if self.video_sees_actions else RULES

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Tokens of each kind, in order."""
        cells = self.rows * self.columns
        acting = self.predicted_chunks if self.action_steps else 0
        return self.clean_frames * cells, self.noisy_frames * cells, self.action_steps * acting, acting

    @property
    def tokens(self) -> int:
        """Length of the sequence."""
        return sum(self.counts)

    def table(self) -> "TokenTable":
        """Its tokens; `token_table` keeps them."""
        f = self.frames_per_chunk
        chunk = torch.arange(self.first_noisy, self.chunks)
        # Step j of a chunk ends (j + 1) / action_steps of the way from the chunk's first frame to its last.
        share = (torch.arange(self.action_steps) + 1) / max(self.action_steps, 1)
        action_time = f * (chunk[:, None] + share).flatten()
        state_time = f * (chunk if self.action_steps else chunk[:0]).double()
        kind, chunks, video = self.arranged()
        return TokenTable(
            kind=kind, chunk=chunks, position=torch.cat([video, _at_time(action_time), _at_time(state_time)])
        )

    def arranged(self) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"], Float[Tensor, "video 3"]]:
        """Kind and chunk of every token, and the places of those that stand for video."""
        f = self.frames_per_chunk
        clean = _video_tokens(self, first=0, frames=self.clean_frames)
        noisy = _video_tokens(self, first=self.first_noisy_frame, frames=self.noisy_frames)
        chunk = torch.arange(self.first_noisy, self.chunks)
        block = (clean[:, 0].long() + f - 1) // f  # frame 0 is block 0, the next f frames are block 1, ...
        acting = chunk.repeat_interleave(self.action_steps)
        chunks = torch.cat([block, (noisy[:, 0].long() - 1) // f, acting, chunk if self.action_steps else chunk[:0]])
        kind = torch.arange(len(Kind)).repeat_interleave(torch.tensor(self.counts))
        return kind, chunks, torch.cat([clean, noisy])

    def slots(self) -> Int[Tensor, " n"]:
        """Which noise level each token has; `time_slots` keeps them."""
        table = token_table(self)
        video = 1 + table.chunk - self.first_noisy
        slot = torch.where(table.kind == Kind.NOISY, video, 0)
        return torch.where(table.kind == Kind.ACTION, video + self.predicted_chunks, slot)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenTable:
    """One row per token, in the order of the sequence."""

    kind: Int[Tensor, " n"]
    chunk: Int[Tensor, " n"]
    position: Float[Tensor, "n 3"]  # latent frame, row, column; actions stand between the frames they lead through
    index: Int[Tensor, " n"] | None = None  # of tokens on a line of their own instead; -1 for others, None: no such


@lru_cache(maxsize=64)
def token_table(layout: Layout) -> TokenTable:
    """The tokens of a layout."""
    return layout.table()


@lru_cache(maxsize=64)
def visibility(layout: Layout) -> Bool[Tensor, "q k"]:
    """Which token (row) may see which (column), in a window where every token is real."""
    table = token_table(layout)
    sight = torch.zeros(len(Kind), len(Kind), dtype=torch.long)
    for (looks, at), how_far in layout.rules.items():
        sight[looks, at] = how_far
    reach = sight[table.kind][:, table.kind]
    behind = table.chunk[:, None] - table.chunk[None, :]
    return ((reach == Sight.SAME) & (behind == 0)) | ((reach == Sight.UP_TO) & (behind >= 0))


@lru_cache(maxsize=64)
def time_slots(layout: Layout) -> Int[Tensor, " n"]:
    """Which noise level each token has: 0 none, then the video's levels in order, then the actions'.

    Clean tokens and states have none; in a plain layout a level is a predicted chunk's.
    """
    return layout.slots()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Presence:
    """Which parts of a layout each window of the batch really has."""

    chunks: Int[Tensor, " b"]
    video: Bool[Tensor, " b"]  # False: no noisy frames; clean ones are always there
    action: Bool[Tensor, " b"]
    state: Bool[Tensor, " b"]


def token_valid(layout: Layout, presence: Presence) -> Bool[Tensor, "b n"]:
    """True for the tokens that are real in each window."""
    table = token_table(layout)
    device = presence.chunks.device
    kinds = torch.stack([torch.ones_like(presence.video), presence.video, presence.action, presence.state], dim=1)
    return kinds[:, table.kind.to(device)] & (table.chunk.to(device) < presence.chunks.unsqueeze(1))


@lru_cache(maxsize=64)
def visible_part(layout: Layout, start: int, stop: int) -> Bool[Tensor, "q k"] | None:
    """Rows `start` to `stop` of `visibility`, columns up to `stop`; None where they see all of those."""
    part = visibility(layout)[start:stop, :stop]
    return None if bool(part.all()) else part


def attention_mask(
    layout: Layout, valid: Bool[Tensor, "b n"], start: int = 0, stop: int | None = None
) -> Bool[Tensor, "#b 1 q k"] | None:
    """Who sees whom in each window; tokens that are not real see only themselves and are seen by nobody.

    A row that sees nothing would make softmax divide by zero, hence the diagonal. Where every token is real, the
    batch axis has length 1.

    Args:
        layout: Of the whole sequence.
        valid: Which tokens are real.
        start: First token that looks; those before it are only looked at.
        stop: First token that neither looks nor is looked at; None for the end.

    Returns:
        Rows for tokens `start` to `stop`, columns for tokens up to `stop`; None where everything sees everything.
    """
    stop = layout.tokens if stop is None else stop
    part = visible_part(layout, start, stop)
    if bool(valid[:, :stop].all()):
        return None if part is None else part.to(valid.device)[None, None]
    seen = visibility(layout)[start:stop, :stop].to(valid.device)
    itself = torch.eye(stop, dtype=torch.bool, device=seen.device)[start:]
    return ((seen & valid[:, None, :stop] & valid[:, start:stop, None]) | itself).unsqueeze(1)


def _video_tokens(layout: Layout, *, first: int, frames: int) -> Float[Tensor, "n 3"]:
    """Positions of `frames` latent frames' tokens from frame `first` on, frame by frame, row by row."""
    axes = (torch.arange(first, first + frames), torch.arange(layout.rows), torch.arange(layout.columns))
    return torch.cartesian_prod(*axes).double()


def _at_time(frame: Tensor) -> Float[Tensor, "n 3"]:
    """Positions of tokens that have a time and no place."""
    return torch.stack([frame.double(), *[torch.zeros_like(frame, dtype=torch.float64)] * 2], dim=1)
