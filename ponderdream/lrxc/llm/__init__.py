"""Goals from words by a language model."""
