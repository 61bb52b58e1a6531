"""Model states: posterior states of data, imagined states, branches."""
