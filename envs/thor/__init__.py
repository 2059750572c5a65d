"""AI2-THOR behind the Simulator protocol: the Unity original of the houses, driven by its own `ai2thor` Controller."""
