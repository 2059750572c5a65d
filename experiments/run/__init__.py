"""`testspace run`: one agent in one test space, from opening the world to the evaluated specialist.

Public: `live_run.run_life`, `live_run.RunConfig`, `world_factory.open_test_space`.
"""
