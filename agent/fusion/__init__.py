"""Multi-view label fusion: class predictions of many frames in cells of space, with a geometric prior.

Public: `semantic_map.SemanticMap`, `surface_prior.SurfacePrior`.
"""
