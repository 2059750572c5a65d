"""Parametric furniture: every asset of the database as a mesh that fills its box."""
