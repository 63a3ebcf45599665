"""A few small pictures of each camera, so that somebody sees whether it is the camera that it is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from adapt.data.episodes import Episode
from adapt.embodiment.spec import Camera
from adapt.quality.robot.findings import Finding
from adapt.quality.thumbnails import Thumbnail, hiding, take_picture
from adapt.runs.cache import Cache

_USUAL = 3  # pictures of a camera, evenly over the episodes
_ODD = 3  # of episodes that a finding about the camera names
# What a picture from the middle shows: not what lasts for a moment.
_OF_CAMERAS = ("cameras swapped", "same picture", "camera moved")


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPicture:
    """What one camera saw in one episode.

    Attributes:
        camera: Its name in the spec.
        episode: The episode's index.
        thumbnail: The picture, from the middle of the episode.
        why: What is wrong there, as a kind of finding; "" for a picture of the usual.
    """

    camera: str
    episode: int
    thumbnail: Thumbnail
    why: str


def take_pictures(
    episodes: Sequence[Episode], cameras: Sequence[Camera], findings: Sequence[Finding], cache: Cache
) -> tuple[list[CameraPicture], str]:
    """Pictures of each camera from the first, the middle and the last episode, and of those that look wrong.

    Args:
        episodes: Those that can be read.
        cameras: Of the body.
        findings: Of the data set.
        cache: Where the networks that find faces are kept; no picture is.

    Returns:
        Pictures by camera, in order of episode; and in words, what was done so that nobody is seen.
    """
    made = []
    with hiding(cache) as hidden:
        for camera in cameras:
            odd = _odd(camera.name, findings)
            wanted = {*_spread(episodes), *islice(odd, _ODD)}
            for episode in (each for each in episodes if each.index in wanted):
                middle_s = episode.length / episode.rate_hz / 2
                picture = take_picture(episode.videos[camera.column], middle_s, hidden)
                if picture is not None:
                    why = odd.get(episode.index, "")
                    made.append(CameraPicture(camera=camera.name, episode=episode.index, thumbnail=picture, why=why))
    return made, hidden.words


def _spread(episodes: Sequence[Episode]) -> set[int]:
    """The first, the middle and the last."""
    if not episodes:
        return set()
    last = len(episodes) - 1
    return {episodes[round(place * last / (_USUAL - 1))].index for place in range(_USUAL)}


def _odd(camera: str, findings: Sequence[Finding]) -> dict[int, str]:
    """Episodes in which something is wrong with this camera's picture, and what."""
    found: dict[int, str] = {}
    for finding in findings:
        if finding.kind in _OF_CAMERAS and f"'{camera}'" in finding.subject:
            for episode in finding.episodes:
                found.setdefault(episode, finding.kind)
    return found
