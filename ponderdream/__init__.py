"""PonderDream: a DreamerV3-style agent that learns how long to think."""
