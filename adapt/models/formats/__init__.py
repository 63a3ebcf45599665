"""Bases as they are published: which tensors of their files go where, and reading and writing those files."""
