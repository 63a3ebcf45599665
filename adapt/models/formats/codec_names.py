"""The names that Wan's own files have for the tensors of the video autoencoder; ours are diffusers'.

Wan 2.1's lays the residual blocks and the resampling of all stages in one row; Wan 2.2's keeps a row a stage.

Source:
    Wan-Video/Wan2.1 (wan/modules/vae.py) at 9737cba, Wan-Video/Wan2.2 (wan/modules/vae2_2.py) at 42bf4cf.
"""

import re
from collections.abc import Iterable

from adapt.errors import CheckpointError
from adapt.models.formats.places import Place

_RESIDUAL = {
    "norm1": "residual.0",
    "conv1": "residual.2",
    "norm2": "residual.3",
    "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}
_OUTER = {"quant_conv": "conv1", "post_quant_conv": "conv2"}
_HALF = {"conv_in": "conv1", "norm_out": "head.0", "conv_out": "head.2", "mid_block.attentions.0": "middle.1"}
_BLOCK = re.compile(r"(?P<side>encoder|decoder)\.(?P<way>down|up)_blocks\.(?P<stage>\d+)\.(?P<rest>.+)")
_RESNET = re.compile(r"resnets\.(?P<at>\d+)\.(?P<rest>.+)")
_RESAMPLER = re.compile(r"(?:upsamplers\.0|upsampler|downsampler)\.(?P<rest>.+)")
_MIDDLE = re.compile(r"(?P<side>encoder|decoder)\.mid_block\.resnets\.(?P<at>\d+)\.(?P<rest>.+)")


def codec_places(names: Iterable[str]) -> tuple[Place, ...]:
    """Where the video autoencoder's parameters lie in Wan's files; of Wan 2.1's kind or 2.2's, as the names tell.

    Raises:
        CheckpointError: No place is known for one of the names.
    """
    ours = tuple(names)
    lengths = {side: _residual_blocks(ours, side) for side in ("encoder", "decoder")}
    nested = any(".downsampler." in name for name in ours)
    return tuple(Place(stored=_stored(name, lengths, nested=nested), ours=(name,)) for name in ours)


def _residual_blocks(names: tuple[str, ...], side: str) -> int:
    """How many residual blocks a stage of the encoder or decoder has."""
    found = [re.match(rf"{side}\.\w+_blocks\.\d+\.resnets\.(\d+)\.", name) for name in names]
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def _stored(name: str, lengths: dict[str, int], *, nested: bool) -> str:
    if block := _BLOCK.fullmatch(name):
        side, way = block["side"], block["way"]
        row = f"{side}.{way}samples"
        at, rest = _within(block["rest"], lengths[side])
        stage = int(block["stage"])
        if nested:
            return f"{row}.{stage}.{way}samples.{at}.{_part(rest)}"
        if at is None:  # diffusers keeps the encoder of Wan 2.1 in one row as well
            return f"{row}.{stage}.{_part(rest)}"
        return f"{row}.{stage * (lengths[side] + 1) + at}.{_part(rest)}"
    if middle := _MIDDLE.fullmatch(name):
        return f"{middle['side']}.middle.{2 * int(middle['at'])}.{_part(middle['rest'])}"
    side, _, rest = name.partition(".")
    table = _HALF if side in ("encoder", "decoder") else _OUTER
    looked_up, start = (rest, f"{side}.") if table is _HALF else (name, "")
    for ours, theirs in table.items():
        if looked_up.startswith(f"{ours}."):
            return f"{start}{theirs}{looked_up.removeprefix(ours)}"
    raise CheckpointError(f"codec: no place is known in Wan's format for its tensor '{name}'. Save it with diffusers.")


def _within(rest: str, length: int) -> tuple[int | None, str]:
    """The place in a stage's row, None where the stage itself is a place in a row, and what is there."""
    if resnet := _RESNET.fullmatch(rest):
        return int(resnet["at"]), resnet["rest"]
    if resampler := _RESAMPLER.fullmatch(rest):
        return length, resampler["rest"]
    return None, rest


def _part(rest: str) -> str:
    """A tensor within a residual block; what is not in one keeps its name."""
    module, _, leaf = rest.rpartition(".")
    return f"{_RESIDUAL[module]}.{leaf}" if module in _RESIDUAL else rest
