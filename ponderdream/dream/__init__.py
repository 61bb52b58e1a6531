"""Model states: filtered from data, imagined, branched by halting level."""
