"""Reads, wanted entries, and the matcher that compares them."""
