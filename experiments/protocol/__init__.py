"""The evaluation protocol: presets, the transfer set D_t, held-out views.

Public: `presets.find_preset`, `transfer_set.transfer_set`, `held_out.draw_views`.
"""
