"""AI2-THOR, the Unity original of the houses, behind the Simulator protocol, through its own `ai2thor` Controller.

Public: `thor_simulator.ThorSimulator`, `thor_simulator.ThorEnv`, `thor_errors.ThorError`.
"""
