"""Fill the same hole in every frame of a clip, from frames that show what it hides if any do."""
