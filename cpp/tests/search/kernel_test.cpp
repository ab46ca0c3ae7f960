#include "platewatch/search/kernel.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "platewatch/search/distance.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

template <class Key = Key8>
Key key(const std::vector<Code>& codes) {
    return pack<Key>(codes);
}

std::vector<const Kernel*> usable() {
    std::vector<const Kernel*> out;
    for (const Kernel* kernel : kernels()) {
        if (kernel->supported()) out.push_back(kernel);
    }
    return out;
}

// The keys within k edits, as bits; `skip` symbols of each key are left out.
template <class Key>
std::uint64_t within(const Kernel& kernel, const Key* keys, std::size_t count, Key read, unsigned k,
                     std::uint32_t skip = 0) {
    std::uint64_t out = 0;
    const Scan<Key> scan{keys, read, static_cast<std::uint32_t>(count), skip, 7};
    const auto found = [](void* context, const Scan<Key>& of, std::uint32_t first, std::uint64_t mask) {
        EXPECT_EQ(of.tag, 7u);
        EXPECT_EQ(first, 0u);
        *static_cast<std::uint64_t*>(context) = mask;
    };
    if constexpr (std::is_same_v<Key, Key8>) {
        kernel.scan(&scan, 1, k, found, &out);
    } else {
        kernel.scan_wide(&scan, 1, k, found, &out);
    }
    return out;
}

// The keys that differ from the read in at most k symbols, as bits.
std::uint64_t replaced(const Kernel& kernel, const Key8* keys, std::size_t count, Key8 read, unsigned k) {
    std::uint64_t out = 0;
    const Scan<Key8> scan{keys, read, static_cast<std::uint32_t>(count), 0, 7};
    kernel.scan_replaced(
        &scan, 1, k,
        [](void* context, const Scan<Key8>&, std::uint32_t first, std::uint64_t mask) {
            EXPECT_EQ(first, 0u);
            *static_cast<std::uint64_t*>(context) = mask;
        },
        &out);
    return out;
}

class EachKernel : public testing::TestWithParam<const Kernel*> {};
INSTANTIATE_TEST_SUITE_P(Usable, EachKernel, testing::ValuesIn(usable()),
                         [](const auto& kernel) { return std::string(kernel.param->name); });

TEST_P(EachKernel, ByHand) {
    std::vector<Key8> keys = {key({1, 2, 3, 4, 5, 6, 7, 8}),
                              key({1, 2, 3, 9, 5, 6, 7, 8}),
                              key({1, 2, 3, 5, 6, 7, 8}),
                              key({2, 3, 4, 5, 6, 7, 8, 9}),
                              key({8, 7, 6, 5, 4, 3, 2, 1}),
                              key({1, 2, 3, 4, 5}),
                              key({})};
    keys.resize(keys.size() + kKernelPadding);  // which must not show
    const Key8 read = keys[0];
    EXPECT_EQ(within(*GetParam(), keys.data(), 7, read, 0), 0b0000001u);
    EXPECT_EQ(within(*GetParam(), keys.data(), 7, read, 1), 0b0000111u);
    EXPECT_EQ(within(*GetParam(), keys.data(), 7, read, 2), 0b0001111u);
    EXPECT_EQ(within(*GetParam(), keys.data(), 7, read, 3), 0b0101111u);
    EXPECT_EQ(within(*GetParam(), keys.data(), 7, key({1, 2, 3}), 3), 0b1100000u);
    EXPECT_EQ(within(*GetParam(), keys.data(), 0, Key8{0}, 3), 0u);
}

// Against bounded_distance, which distance_test.cpp holds against the reference. Tiny alphabets make
// neighbours of everybody; the arrays end where the contract says, so that a sanitizer sees a kernel that
// reads on.
template <class Key>
void expect_the_distance(const Kernel& kernel) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    for (int round = 0; round < 3000; ++round) {
        const std::size_t alphabet = 1 + below(5);
        const auto plate = [&](Code unknown) {
            std::vector<Code> codes(below(sizeof(Key) + 1));
            for (Code& code : codes) code = below(12) == 0 ? unknown : static_cast<Code>(1 + below(alphabet));
            return key<Key>(codes);
        };
        const std::size_t count = below(kKernelBlock + 1);
        std::vector<Key> keys(count + kKernelPadding);
        for (Key& k : keys) k = plate(kMaxCode);
        Key read = plate(kUnknownCode);
        if (count > 0 && round % 2 == 0) {  // near a key: else there is hardly any of 16 symbols
            std::vector<Code> codes(sizeof(Key));
            for (std::size_t i = 0; i < sizeof(Key); ++i) codes[i] = code_at(keys[0], i);
            codes.resize(length(keys[0]));
            for (std::size_t edits = below(4); edits > 0 && !codes.empty(); --edits) {
                const auto at = codes.begin() + static_cast<std::ptrdiff_t>(below(codes.size()));
                const std::size_t kind = below(3);
                if (kind == 0) *at = kUnknownCode;
                if (kind == 1) codes.erase(at);
                if (kind == 2 && codes.size() < sizeof(Key)) codes.insert(at, Code{1});
            }
            read = key<Key>(codes);
        }
        for (unsigned k = 0; k <= kMaxEdits; ++k) {
            for (const std::uint32_t skip : {0, 1, 3, 4, 5, 7, 8, 13, 16}) {
                if (skip > sizeof(Key)) continue;
                // One edit may have been spent on the way to the keys.
                const Key rest = drop(read, skip - std::min<std::size_t>(skip, 1) + below(3));
                std::uint64_t want = 0;
                for (std::size_t i = 0; i < count; ++i) {
                    const bool is_within = bounded_distance(rest, drop(keys[i], skip), k) <= k;
                    want |= std::uint64_t{is_within} << i;
                }
                ASSERT_EQ(within(kernel, keys.data(), count, rest, k, skip), want)
                    << "k = " << k << ", skip " << skip;
            }
        }
    }
}

TEST_P(EachKernel, CountsWhatWasReplaced) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    for (int round = 0; round < 3000; ++round) {
        const std::size_t count = random() % (kKernelBlock + 1);
        std::vector<Key8> keys(count + kKernelPadding);
        const Key8 read = random();
        for (Key8& other : keys) {
            other = read;
            for (std::size_t changes = random() % 9; changes > 0; --changes)
                other ^= (random() & 0xFF) << (8 * (random() % 8));
        }
        for (unsigned k = 0; k <= 8; ++k) {
            std::uint64_t want = 0;
            for (std::size_t i = 0; i < count; ++i) {
                unsigned differ = 0;
                for (std::size_t at = 0; at < 8; ++at) differ += code_at(keys[i], at) != code_at(read, at);
                want |= std::uint64_t{differ <= k} << i;
            }
            ASSERT_EQ(replaced(*GetParam(), keys.data(), count, read, k), want) << "k = " << k;
        }
    }
}

TEST_P(EachKernel, EqualsTheDistance) { expect_the_distance<Key8>(*GetParam()); }
TEST_P(EachKernel, EqualsTheDistanceOfWideKeys) { expect_the_distance<Key16>(*GetParam()); }

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
TEST(Kernels, ThoseOfX86AreUsableWhereGccSaysSo) {
    const bool haswell = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0;
    const bool icelake = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                         __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("bmi2") != 0;
    for (const Kernel* kernel : kernels()) {
        const std::string_view name = kernel->name;
        const bool expected = name == "haswell" ? haswell : name == "icelake" ? icelake : true;
        EXPECT_EQ(kernel->supported(), expected) << name;
    }
}
#endif

TEST(Kernels, SerialIsAlwaysThereAndTheActiveOneIsUsable) {
    EXPECT_STREQ(kernels().front()->name, "serial");
    EXPECT_TRUE(kernels().front()->supported());
    EXPECT_TRUE(active_kernel().supported());
    const char* forced = std::getenv("PLATEWATCH_KERNEL");
    EXPECT_STREQ(active_kernel().name, forced != nullptr ? forced : usable().back()->name);
}

#if defined(__aarch64__)
TEST(Kernels, NeonIsOnEveryAArch64Machine) { EXPECT_STREQ(usable().back()->name, "neon"); }
#endif

}  // namespace
}  // namespace platewatch
