"""Goals: what to reach, and how long to think about it."""
