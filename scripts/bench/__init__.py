"""How long the parts of the system take, beside those of other projects."""
