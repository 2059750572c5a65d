"""What people look at: report.html, its figures and plans, the Rerun recording.

Public: `report.write_report`, `rerun_recording.recording`.
"""
