"""What agents and the ponder core learn, and at what price."""
