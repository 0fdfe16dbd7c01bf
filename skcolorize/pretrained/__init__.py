"""The embedded weights, their licence and model card, and the recipe they were made with."""
