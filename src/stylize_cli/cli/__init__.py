"""The command line: parses, prints, chooses output paths, and dispatches to `methods`."""
