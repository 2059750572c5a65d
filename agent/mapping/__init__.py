"""The agent's occupancy map and what is planned on it: shortest paths, passages, egocentric views.

Public: `occupancy_map.OccupancyMap`, `planning`, `egocentric.EgocentricObservation`.
"""
