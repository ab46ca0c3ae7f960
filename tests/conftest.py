from hypothesis import settings

# No deadline for an example: machines are noisy, and speed is for benchmarks.
settings.register_profile("platewatch", deadline=None)
settings.load_profile("platewatch")
