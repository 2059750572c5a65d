"""Parametric furniture: every asset of the database as a mesh that fills its box.

Public: `catalogue.model`, `catalogue.Model`, `shapes.Mesh`, `shapes.Part`.
"""
