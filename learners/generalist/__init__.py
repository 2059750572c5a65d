"""The generalist: a small multimodal segmentation network, trained once on endless generated houses.

Public: `network.Generalist`, `weights.load_generalist`, `weights.load_weights`, `inference.folded`,
`geometry.geometry_channels`, `pictures.segment`.
"""
