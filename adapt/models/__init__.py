"""Codecs, the joint video-action transformer, its heads, adapters and stored weights."""
