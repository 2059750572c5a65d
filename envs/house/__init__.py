"""The scene description: ProcTHOR houses as dataclasses, read, checked and written; classes and assets.

Public: `house.House`, `house_io.load_house`, `house_io.save_house`, `classes.CLASSES`.
"""
