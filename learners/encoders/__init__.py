"""Encoders that turn an rgb frame into patch features, ours and those of timm.

Public: `frame_encoder.FrameEncoder`, `timm_encoders.efficientnet_lite`, `timm_encoders.timm_encoder`.
"""
