"""The world and how it is sensed. Knows nothing of learning.

Public: `scene.Scene`, `simulator.Simulator`, `floor.ReachableFloor`, `floor.build_floor`, and those of each folder.
"""
