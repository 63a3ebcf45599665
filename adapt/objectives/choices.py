"""Which laws of noise levels and of loss weights are known by name? Light: imports no tensor library."""

INDEPENDENT, COUPLED, DECOUPLED = "independent", "coupled", "decoupled"
TIMESTEPS = (INDEPENDENT, COUPLED, DECOUPLED)  # how an action's noise level goes with its chunk's; see timesteps.py

NONE, BELL, LOGIT_NORMAL = "none", "bell", "logit_normal"
WEIGHTINGS = (NONE, BELL, LOGIT_NORMAL)  # how a loss weighs noise levels; see weighting.py
