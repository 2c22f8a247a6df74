"""Neural style transfer for the command line: Gatys, texture networks, Johnson, Dumoulin."""

__version__ = "0.1.0"
