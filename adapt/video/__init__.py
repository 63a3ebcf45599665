"""Frames at asked times, probing and writing of video files."""
