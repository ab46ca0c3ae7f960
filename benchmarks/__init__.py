"""The benchmarks that people choose by: `platewatch bench`, `make bench`. In the wheel they are `platewatch.bench`.

Suites are bench_*.py, run by pytest with pytest-benchmark, each for a question. workloads.py makes lists and reads,
oracle.py says what must be found, measure.py times, record.py keeps what came out, report.py shows it, and peers/
holds what a user would pick instead.
"""
