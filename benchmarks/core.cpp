// Time per look-up of the core alone, beside the time of the bare cache lines that a look-up touches.
//
// Run: make bench-core && build/bench/core_benchmark [entries [k [fast]]]
//
// The list is random Korean plates, 70 % of 8 symbols and 30 % of 7; 1 % of the reads are derived from
// entries. The floor: from each read compute, without a look-up, two random places in an array as large as
// one of the index's, and touch there as many neighbouring cache lines as the list's anchored ranges have on
// average, prefetched over blocks as the engine does. No index that compares these keys can be faster.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "platewatch/base/prefetch.hpp"
#include "platewatch/hotlist/index.hpp"
#include "platewatch/search/kernel.hpp"
#include "workload.hpp"

namespace {

using namespace platewatch;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReads = 10'000;  // as many as stay in the cache: a batch has only just made them
constexpr int kRounds = 25;

// Nanoseconds an item, the best of several rounds.
template <class Work>
double nanoseconds(std::size_t items, Work&& work) {
    double best = 1e18;
    for (int round = 0; round < kRounds; ++round) {
        const auto start = Clock::now();
        work();
        best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - start).count());
    }
    return best / static_cast<double>(items);
}

double floor_of_the_machine(std::size_t entries, std::size_t reads) {
    constexpr std::size_t kLine = 64, kBlock = Index::kBlock;
    // A read's halves: of 4 symbols each, as there are 20,000 beginnings and 10,000 ends.
    const std::size_t first_lines = std::max<std::size_t>(1, entries / 20'000 * sizeof(Key8) / kLine + 1);
    const std::size_t second_lines = std::max<std::size_t>(1, entries / 10'000 * sizeof(Key8) / kLine + 1);
    const Column<std::uint64_t> memory(2 * entries, 1);
    const auto* bytes = reinterpret_cast<const std::byte*>(memory.data());
    const std::size_t half = entries * sizeof(Key8);
    const std::size_t room = half > second_lines * kLine ? half - second_lines * kLine : 1;
    std::uint64_t sum = 0;
    const double time = nanoseconds(reads, [&] {
        std::array<std::size_t, 2 * kBlock> places;
        std::uint64_t state = 12345;
        for (std::size_t read = 0; read < reads; read += kBlock) {
            for (std::size_t i = 0; i < 2 * kBlock; ++i) {
                state = state * 6364136223846793005ULL + 1442695040888963407ULL;
                places[i] = (state >> 33) % room / kLine * kLine + (i % 2) * half;
                const std::size_t lines = i % 2 == 0 ? first_lines : second_lines;
                for (std::size_t line = 0; line < lines; ++line) prefetch(bytes + places[i] + line * kLine);
            }
            for (std::size_t i = 0; i < 2 * kBlock; ++i) {
                const std::size_t lines = i % 2 == 0 ? first_lines : second_lines;
                for (std::size_t line = 0; line < lines; ++line)
                    sum += memory[(places[i] + line * kLine) / 8];
            }
        }
    });
    if (sum == 0) std::puts("");  // keeps the touches
    return time;
}

}  // namespace

int main(int argc, char** argv) {
    const char* only_k = argc > 2 ? argv[2] : nullptr;
    const std::size_t entries = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
    workload::Plates plates(7);
    std::vector<std::u32string> wanted;
    std::unordered_set<std::u32string> seen;
    while (wanted.size() < entries) {
        if (std::u32string plate = plates.plate(); seen.insert(plate).second)
            wanted.push_back(std::move(plate));
    }
    std::vector<Query> reads;
    for (std::size_t i = 0; i < kReads; ++i) {
        const bool derived = plates.below(100) == 0;
        const std::u32string text = derived ? plates.misread(wanted[plates.below(entries)]) : plates.plate();
        reads.push_back({static_cast<std::uint32_t>(i), 0, Symbols(text)});
    }
    std::vector<IndexEntry> list;
    for (const std::u32string& plate : wanted) list.push_back({to_utf8(plate), Symbols(plate)});

    const auto start = Clock::now();
    Index index(std::move(list));
    if (argc > 3) index.make_fast();
    const double built = std::chrono::duration<double>(Clock::now() - start).count();
    std::printf("%zu entries, kernel %s, built in %.2f s, %.1f bytes a key\n", entries, active_kernel().name,
                built, static_cast<double>(index.nbytes()) / static_cast<double>(entries));
    Index::Workspace workspace;
    std::vector<Match> found;
    for (unsigned k = 0; k <= kMaxEdits; ++k) {
        if (only_k != nullptr && k != std::strtoul(only_k, nullptr, 10)) continue;
        const std::size_t count = k < 3 ? kReads : kReads / 10;
        std::size_t matches = 0;
        const double time = nanoseconds(count, [&] {
            matches = 0;
            for (std::size_t i = 0; i < count; i += Index::kBlock) {
                found.clear();
                const std::size_t size = std::min(Index::kBlock, count - i);
                index.search(std::span(reads).subspan(i, size), k, workspace, found);
                order_matches(found, 0, workspace.words);
                matches += found.size();
            }
        });
        std::printf("k=%u  %10.1f ns a read, %.3f matches\n", k, time,
                    static_cast<double>(matches) / static_cast<double>(count));
    }
    std::printf("floor %9.1f ns a read: the cache lines of both anchors at k=1\n",
                floor_of_the_machine(entries, kReads));
}
