"""What the spaces and values of Gymnasium are to an agent."""
