"""Adapting a base: one training step, its loop, and what is kept of it."""
