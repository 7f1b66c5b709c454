"""Decides: order, gates, restarts, roll-back; one loop, one writer."""
