"""The actor: goals, and the subgoal model that ponders them."""
