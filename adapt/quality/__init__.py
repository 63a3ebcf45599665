"""What is data worth, before anything is trained on it? Findings with remedies, and what to record next."""
