"""The generalist: a small multimodal segmentation network, trained once on endless generated houses.

Public: `perception.Perception`, `perception.Viewpoint`, `onnx_export.export_onnx`, `network.Generalist`,
`weights.load_generalist`, `weights.load_weights`, `inference.folded`, `geometry.geometry_channels`, `pictures.segment`.
"""
