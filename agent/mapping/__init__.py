"""The agent's occupancy map, and planning on it: shortest paths, passages, egocentric views.

Public: `occupancy_map.OccupancyMap`, `planning`, `egocentric.EgocentricObservation`.
"""
