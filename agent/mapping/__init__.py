"""Where the agent is, its occupancy map, and planning on it: shortest paths, passages, egocentric views.

Public: `localiser.Localiser`, `occupancy_map.OccupancyMap`, `planning`, `egocentric.EgocentricObservation`.
"""
