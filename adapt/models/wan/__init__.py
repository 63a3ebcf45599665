"""A Wan-style causal video-action transformer."""
