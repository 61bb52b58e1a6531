"""What a run writes and shows: metrics, scores, videos, one line."""
