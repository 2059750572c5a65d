"""Scores of the tasks, computed from arrays: nothing here knows of a network.

Public: `miou.segmentation_score`, `box_metrics.detection_score`, `caption_metrics.caption_score`, `recall`,
`probes.knn_classes`, `probes.linear_classes`.
"""
