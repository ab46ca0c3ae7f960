from __future__ import annotations

import os
import subprocess
import sys

import pytest

import platewatch as pw

CODE = """
import platewatch as pw
hotlist = pw.Hotlist.from_plates([f"{i % 600 + 100}{'가나다라'[i % 4]}{i * 7919 % 10000:04d}" for i in range(5000)])
reads = [entry.plate[:i % 8] + "7" + entry.plate[i % 8 + i % 2:] for i, entry in enumerate(hotlist)][:500]
for k in range(4):
    b = pw.Matcher(hotlist).match_batch(reads, max_edits=k)
    columns = b.read, b.entry, b.edits, b.probability, b.log_likelihood  # to the last bit
    print(k, pw.cpu_features()["kernel"], list(zip(*(column.tolist() for column in columns))))
matcher = pw.Matcher([entry.plate for entry in hotlist][:500] + ["1?0*7"])
for one in zip(reads[:40], reads[1:41], reads[2:42]):
    print([(match.entry_id, match.probability) for match in matcher.match_pass(one)])
"""


def run(kernel: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PLATEWATCH_KERNEL": kernel}
    return subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)


def test_forced_kernels_give_equal_results() -> None:
    usable = pw.cpu_features()["usable"]
    assert usable[0] == "serial"
    answers = {kernel: run(kernel) for kernel in usable}
    for kernel, answer in answers.items():
        assert answer.returncode == 0, answer.stderr
        assert f"0 {kernel} [" in answer.stdout
        assert answer.stdout.replace(f" {kernel} ", " serial ") == answers["serial"].stdout
    assert answers["serial"].stdout.count("(") > 1000


@pytest.mark.parametrize("kernel", ["fast", "neon" if os.uname().machine == "x86_64" else "haswell"])
def test_a_kernel_that_cannot_run_is_refused(kernel: str) -> None:
    answer = run(kernel)
    assert answer.returncode == 1
    assert f"ValueError: PLATEWATCH_KERNEL is '{kernel}'; this machine runs serial" in answer.stderr
