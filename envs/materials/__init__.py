"""What surfaces look like: material names to colours, procedural textures, pictures.

Public: `materials`, `textures`.
"""
