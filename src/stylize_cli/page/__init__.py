"""The page: all of stylize in a browser, on this machine only."""
