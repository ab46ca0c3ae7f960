"""The benchmarks; peers/ holds what a user would pick instead."""
