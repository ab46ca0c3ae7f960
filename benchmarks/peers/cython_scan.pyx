# cython: language_level=3, boundscheck=False, wraparound=False
"""Every plate of about the same length, by a banded Levenshtein distance that stops as soon as it can."""

from libc.stdint cimport uint32_t

import numpy as np

cdef enum:
    LONGEST = 64


cdef class Plates:
    cdef dict buckets  # length: (plates, their code points)

    def __init__(self, plates):
        same = {}
        for plate in plates:
            same.setdefault(len(plate), []).append(plate)
        self.buckets = {
            length: (same_length, code_points("".join(same_length)).reshape(-1, length))
            for length, same_length in same.items()
        }

    def search(self, reads, int k):
        return [self.one(read, k) for read in reads]

    cdef set one(self, str read, int k):
        cdef const uint32_t[::1] text = code_points(read)
        cdef const uint32_t[:, ::1] codes
        cdef int n = len(read), m, length
        cdef Py_ssize_t row
        cdef list plates
        cdef set found = set()
        for length in range(max(n - k, 1), n + k + 1):
            if length not in self.buckets:
                continue
            plates, codes = self.buckets[length]
            m = length
            if n == 0 or n > LONGEST or m > LONGEST:
                raise ValueError(f"a text of 1 to {LONGEST} symbols is needed")
            for row in range(codes.shape[0]):
                if within(&text[0], n, &codes[row, 0], m, k):
                    found.add(plates[row])
        return found


cdef code_points(str text):
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


cdef inline bint within(const uint32_t* a, int n, const uint32_t* b, int m, int k) noexcept nogil:
    """Whether the distance is at most k; the lengths differ by no more."""
    cdef int row[LONGEST + 1]
    cdef int i, j, first, last, diagonal, above, cost, least
    while n and m and a[0] == b[0]:
        a += 1
        b += 1
        n -= 1
        m -= 1
    while n and m and a[n - 1] == b[m - 1]:
        n -= 1
        m -= 1
    if n == 0 or m == 0:
        return True
    if k <= 1:
        return max(n, m) <= k  # one edit is one symbol, at the most, between what they share
    for j in range(m + 1):
        row[j] = j
    for i in range(1, n + 1):
        first = max(1, i - k)
        last = min(m, i + k)
        diagonal = row[first - 1]
        row[first - 1] = i if first == 1 else k + 1  # left of the band
        least = k + 1
        for j in range(first, last + 1):
            above = row[j] if j < i + k else k + 1  # right of the band
            cost = diagonal + (a[i - 1] != b[j - 1])
            cost = min(cost, min(above, row[j - 1]) + 1)
            diagonal = row[j]
            row[j] = cost
            least = min(least, cost)
        if least > k:
            return False
    return row[m] <= k
