"""Heads: how actions are read out of a predicted transition."""
