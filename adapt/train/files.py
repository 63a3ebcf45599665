"""What are the files of a finished training called? Apart from `result`, since that loads Lightning for seconds."""

ADAPTER, HEADS, ACCOUNT = "adapter", "heads.safetensors", "training.json"
