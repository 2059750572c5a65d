"""Policies of one's own, each in a few lines, in forms that `testspace run --policy` takes."""
