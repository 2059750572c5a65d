"""The live agent: policies, mapping, exploration, and the loop that joins envs and learners.

Public: `live.AlternatingAgent`, `async_live.AsyncAgent`, `actor.Actor`, `trainer.Trainer`, `episode.EpisodeConfig`.
"""
