"""habitat-sim behind the Simulator protocol: Replica, ReplicaCAD, HM3D, Matterport3D, Gibson, custom meshes.

Public: `habitat_simulator.HabitatSimulator`, `habitat_errors.HabitatError`.
"""
