"""Which stages make a bundle, and in which order."""

STAGES = ("ingest", "encode", "finetune", "evaluate", "bundle")
