"""Published results run again: train a recipe, test it as the paper did, set the numbers beside."""
