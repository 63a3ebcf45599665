"""A policy behind a websocket: robots send observations and get chunks of actions that keep their limits."""
