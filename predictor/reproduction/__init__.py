"""Published results run again: train a recipe, test it as its paper did, compare the numbers."""
