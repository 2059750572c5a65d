"""What is learned from frames. Knows nothing of simulators: it trains from a folder of frames alone.

Public: `objectives.tst.TSTLearner`, `masked.encoder.Encoder`, `data.replay_buffer.ReplayBuffer`, `training.fit.fit`.
"""
