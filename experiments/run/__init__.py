"""`testspace run`: one agent in one test space, from opening the world to the evaluated specialist.

Public: `live_run.run_episode`, `run_config.RunConfig`, `world_factory.open_space`.
"""
