"""Fill holes in photographs: masks, neighbourhoods of holes, and files in and out."""
