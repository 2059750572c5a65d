"""Scores of the tasks, computed from arrays: nothing here knows of a network."""
