"""Furniture models that a user may install to replace the built-in shapes; never shipped, and off by default.

Public: `pack.open_pack`, `pack.FurniturePack`, `install.install`.
"""
