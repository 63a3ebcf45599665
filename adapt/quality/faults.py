"""Which kind of finding is a reason for which ingest leaves something out?"""

from adapt.data import human_windows as seen
from adapt.data.splits import GAP
from adapt.footage import reasons
from adapt.hands import quality as hands

KEPT = "kept"
REST = "rest"  # too short for a window of its own: ends of videos and of shots
UNREAD = "unread"  # promised by the file, but not to be decoded
UNTOLD = "no_instruction"
OTHER = "other"
THIRD_PERSON, OTHERS_HANDS = "third_person", "others_hands"

_WINDOWS = {
    reasons.SHOT: "short_shots",
    reasons.DARK: "dark",
    reasons.WHITE: "over_exposed",
    reasons.PLAIN: "one_colour",
    reasons.TEST_CARD: "test_card",
    reasons.PANELS: "panels",
    reasons.BARS: "bars",
    reasons.BLURRED: "blurred",
    reasons.CAMERA: "camera_motion",
    reasons.STILL: "still",
    reasons.COPY: "copy",
    hands.NO_HAND: "no_hand",
    hands.TOO_FEW: "few_hands",
    GAP: "gap",
}
_BY_FAULT = {reasons.fault(reason): code for reason, code in _WINDOWS.items()}
VIDEO_CODES = {
    seen.UNREADABLE: "unreadable",
    seen.SAME_BYTES: "same_bytes",
    seen.IN_PART: "truncated",
    seen.TOO_SHORT: "too_short",
    seen.BARRED: "narrow_bars",
}
# How the messages of `adapt.data.video_folder` and of withdrawals begin, or what they hold.
_FOLDER = {
    "no instruction": UNTOLD,
    "was withdrawn": "withdrawn",
    "recordings are not read": "recording",
    "but there is no such file": "missing",
    "is not UTF-8": "bad_name",
    "beside it cannot be read": "bad_text",
    "cannot be entered": "closed",
    "line ": "metadata",
}
# For people; those of windows are the reasons themselves.
_NAMES = {
    KEPT: "kept",
    "same_bytes": "the same bytes as another",
    REST: "too short for a window",
    UNREAD: "cannot be decoded",
    UNTOLD: "no instruction",
    THIRD_PERSON: "seen from opposite, or upside down",
    OTHERS_HANDS: "somebody else's hands",
    **{code: fault for fault, code in _BY_FAULT.items()},
}


def name_of(code: str) -> str:
    """What a kind is called, for people."""
    return _NAMES.get(code, code.replace("_", " "))


def window_code(rejection: str) -> str:
    """The kind of a window's rejection; `KEPT` for none."""
    return _BY_FAULT.get(reasons.fault(rejection), OTHER) if rejection else KEPT


def folder_code(words: str) -> str:
    """The kind of what a folder's reader says of a file."""
    return next((code for part, code in _FOLDER.items() if part in words), OTHER)


def remedy_of(rejection: str) -> str:
    """What a window's rejection says is to be done; "" where it says nothing."""
    return reasons.common(rejection).partition("; ")[2]


def details_of(rejection: str) -> str:
    """What was measured of a rejected window; "" where the reason holds no such thing."""
    return rejection.partition(" (")[2].rpartition(")")[0]
