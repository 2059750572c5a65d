"""Checks of many houses at once: generated ones against real ones, and what is in them.

Public: `generator_check`, `house_audit`, `house_statistics`.
"""
