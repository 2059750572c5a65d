"""Test-Space Training as a live agent: explore one house, learn it without labels, see better in it."""
