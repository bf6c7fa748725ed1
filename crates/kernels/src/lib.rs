//! WGSL kernels of Rhyton and what is known about them; no device.
