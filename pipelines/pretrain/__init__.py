"""The shipped base, made from nothing: one module a stage, and `make`, which carries them out."""
