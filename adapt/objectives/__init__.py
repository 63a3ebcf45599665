"""Pure losses and noising: what is learned, without a model."""
