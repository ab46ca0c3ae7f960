"""Bundles: one file for a device, of a manifest, its signature and what the device matches with."""
