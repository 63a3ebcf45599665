"""How should human video be filmed? The rules of docs/filming.md, where each has its reason, in a line each."""

RULES = (
    (
        "Camera",
        "on the head or chest of the one who works, tilted down so that both hands stay in the picture all the time.",
    ),
    ("Hands", "bare, with fingers seen from above or the side rather than pointing at the lens, and nobody else's."),
    ("Light", "on the hands, from a lamp or window behind or beside you; no window in the picture."),
    ("Motion", "at an ordinary, calm pace; turn the head slowly, and do not cut, zoom or speed up."),
    ("Picture", "at 640 x 480 px or more and 30 frames a second, without bars, text, split screen or selfie mirror."),
    ("Takes", "of half a minute or more, of one task each, from the first reach to the last release."),
    ("Sessions", "many: stop, then change the place, the light or the things, and begin a new file."),
    ("Words", "one short instruction for each task, the same in every take of it."),
)
