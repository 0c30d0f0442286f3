"""From an image to a label map in the image's own geometry."""
