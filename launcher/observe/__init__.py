"""Listen to the loop and to output; decide nothing."""
