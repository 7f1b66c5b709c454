"""Whether this machine, this project and what earlier runs have left behind are fit for a start."""
