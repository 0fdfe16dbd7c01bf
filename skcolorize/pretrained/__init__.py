"""The embedded network, what is known about it, and the recipe that made it."""
