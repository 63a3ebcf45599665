"""Where does a video fall apart into windows, and how are they chosen?

This module imports nothing heavy: the command line composes its settings in a fraction of a second.
"""

from dataclasses import dataclass

from adapt.errors import RecipeError

PREPROCESS_VERSION = 2  # Raise by hand when the same file, start and canvas would give other pixels.
_SLACK_S = 1e-6  # A video of exactly one window must not lose it to rounding.


@dataclass(slots=True, kw_only=True)
class WindowConfig:
    """How videos and episodes are cut into training windows, and how these are split.

    Args:
        max_chunks: Longest window, in chunks of the base (0.8 s each in tiny); the base's own longest is the limit.
        min_chunks: Shortest window that is kept, in chunks.
        validation_share: Share of the windows held out for validation, between 0 and 0.5.
    """

    max_chunks: int = 4
    min_chunks: int = 1
    validation_share: float = 0.2

    def __post_init__(self) -> None:
        if not 1 <= self.min_chunks <= self.max_chunks:
            raise RecipeError(
                f"windows.min_chunks is {self.min_chunks} and windows.max_chunks is {self.max_chunks}; "
                "choose 1 <= min_chunks <= max_chunks (default 1 and 4)."
            )
        if not 0.0 < self.validation_share <= 0.5:
            raise RecipeError(
                f"windows.validation_share is {self.validation_share}; choose a share above 0 and up to 0.5 (as 0.2)."
            )


def cut(duration_s: float, *, chunk_s: float, config: WindowConfig) -> list[tuple[float, int]]:
    """Cut a stretch of video into windows that share no chunk, longest first.

    A window ends on the frame with which the next begins: that frame is the outcome of one and the present of
    the other.

    Args:
        duration_s: Seconds from the first to the last frame that can be sampled.
        chunk_s: Seconds in a chunk.
        config: Longest and shortest window.

    Returns:
        (start in seconds, chunks) of each window, in order of time. Empty where not even the shortest fits.
    """
    left = int((duration_s + _SLACK_S) / chunk_s)
    start = 0
    windows: list[tuple[float, int]] = []
    while left >= config.min_chunks:
        chunks = min(left, config.max_chunks)
        windows.append((start * chunk_s, chunks))
        start += chunks
        left -= chunks
    return windows
