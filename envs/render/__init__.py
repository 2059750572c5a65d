"""The ray-cast simulator: Embree rays, compiled shading, baked light, sky, glass and cut-outs.

Public: `raycast.RayCastSimulator`.
"""
