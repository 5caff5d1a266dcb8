"""Image and recipe in, image out."""
