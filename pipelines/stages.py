"""Which stages make a bundle, and in which order."""

STAGES = ("ingest", "encode", "finetune", "evaluate", "bundle")
SPREAD = ("ingest", "encode")  # other processes and machines can help with these
