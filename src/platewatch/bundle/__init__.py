"""Signed lists for devices: one file with all that a device needs to match, and who answers for it."""
