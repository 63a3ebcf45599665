"""What was learnt: errors on held-out windows, trivial baselines, intervals and verdicts."""
