"""The world that ships with the package: a drawn tabletop, two bodies, experts and recorders."""
