from hypothesis import HealthCheck, settings

# No deadline for an example, nor for making one: machines are noisy, and speed is for benchmarks.
settings.register_profile("platewatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("platewatch")
