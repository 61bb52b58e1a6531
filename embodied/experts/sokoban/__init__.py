"""A solver for Sokoban that says its plan."""
