"""The world that ships with the package: a simulated tabletop, two robots and a hand, experts, recorders and trials."""
