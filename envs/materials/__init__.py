"""What surfaces look like: material names to colours, procedural textures, pictures.

Public: `materials.named`, `textures.texture_stack`.
"""
