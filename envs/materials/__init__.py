"""The look of surfaces: colours by material names, procedural textures, pictures.

Public: `materials.named`, `textures.texture_stack`.
"""
