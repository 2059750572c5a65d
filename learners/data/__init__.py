"""Where training frames come from: the replay buffer, its eviction policies, folders of frames.

Public: `replay_buffer.ReplayBuffer`, `frame_folder.FrameFolder`.
"""
