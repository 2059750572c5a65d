"""From a House to its Scene: walls with their openings, floors, furniture and lamps, put together.

Public: `building.build_scene`, `building.load_scene`.
"""
