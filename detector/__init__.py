"""The detector: layer taps, layer-wise diffusion, conformal calibration."""
