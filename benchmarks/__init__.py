"""How fast and how light the launcher is, as ratios against a peer in the same run."""
