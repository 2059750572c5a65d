"""Gymnasium environments: the agent's body in a Simulator, and sensor noise.

Public: `house_env.HouseEnv`, `continuous_env.ContinuousHouseEnv`, `house_vector_env.HouseVectorEnv`,
`loaded_house.LoadedHouse`, `world.World`, `motion.Action`, `motion.Motion`, `registration.register`.
"""
