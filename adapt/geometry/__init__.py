"""Where things are, how they are turned, and how they move: rotations, named frames, cameras, smoothing."""
