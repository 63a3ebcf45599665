"""Where the hands are in a video, and whether that is good enough to learn from."""
