"""From a house to its Scene: structure, materials, textures, and the assembly of all."""
