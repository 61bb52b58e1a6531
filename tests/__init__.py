"""A package, as one that is installed (opensimplex) brings its own `tests`."""
