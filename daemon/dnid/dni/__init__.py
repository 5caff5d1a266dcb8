"""Deep Network Interpolation (Wang et al., CVPR 2019): blend, path, per-pixel strength."""
