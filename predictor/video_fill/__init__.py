"""Fill the same hole in every frame of a clip, first of all from frames that show what it hides."""
