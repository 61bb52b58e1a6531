"""What is learnt: one file each, from a pass over a batch to losses."""
