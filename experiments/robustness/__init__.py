"""`testspace bench robustness`: damaged files and run folders, and killed runs, by the hundred, each from a seed."""
