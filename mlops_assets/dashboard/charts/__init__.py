"""Charts of frames, one module for each page."""
