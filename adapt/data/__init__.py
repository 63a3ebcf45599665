"""Videos and robot data on disk, the windows cut from them, and the stores they are kept in."""
