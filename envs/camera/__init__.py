"""A real camera: what lens, shutter, sensor and depth camera make of exact frames. All of it is off by default.

Public: `model.CameraModel`, `model.random_camera`, `lens.Lens`, `motion.Shutter`, `motion.velocity`, `sensor.Sensor`,
`depth_cameras.StructuredLight`, `depth_cameras.TimeOfFlight`.
"""
