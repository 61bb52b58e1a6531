"""One update: the gradient of all losses, and what it changes."""
