"""Why is a window left out? A fault and its remedy in words, then what was measured of this window in brackets."""

SHOT = "shots shorter than a training window; film without cutting, or keep each shot longer"
DARK = "too dark; put more light on the hands"
WHITE = "over-exposed; turn the light or the exposure down"
PLAIN = "a picture of one colour; uncover the lens and film the hands"
TEST_CARD = "colour bars or a test card; leave them out of the recording"
PANELS = "several panels in one picture; export each camera as a video of its own"
BARS = "black bars round the picture; crop them away"
BLURRED = "blurred; clean the lens, let it focus, and move the camera more slowly"
CAMERA = "camera motion too strong; turn the head more slowly, and let it rest while the hands work"
STILL = "nothing moves; leave pauses out, or film what the hands do"
COPY = "a copy of other footage; leave one of the two out"


def with_details(reason: str, details: str) -> str:
    """A window's own reason: the common one, with what was found in brackets."""
    return f"{reason} ({details})"


def common(rejection: str) -> str:
    """The reason that windows are counted by: without what is in brackets."""
    return rejection.partition(" (")[0]


def fault(rejection: str) -> str:
    """The fault alone, for a reader who can no longer film anything: without remedy and brackets."""
    return common(rejection).partition(";")[0]
