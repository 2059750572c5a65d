"""Checks of many houses at once: generated ones against real ones, and what is in them.

Each module is one command.
"""
