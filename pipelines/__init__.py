"""Runnable stages, the recipes' schema, and the command line."""
