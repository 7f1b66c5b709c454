"""From text to a frozen, checked Profile."""
