"""Which stages make a bundle, and in which order."""

STAGES = ("ingest", "encode", "finetune", "evaluate", "bundle")
# Raise one by hand when the same inputs would give another result of that stage.
VERSIONS = {"ingest": 4, "encode": 2, "finetune": 1, "evaluate": 2, "bundle": 1}
SPREAD = ("ingest", "encode")  # other processes and machines can help with these
