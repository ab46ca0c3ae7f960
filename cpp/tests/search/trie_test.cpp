#include "platewatch/search/trie.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "platewatch/search/walk.hpp"
#include "reference/reference.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t n) { return static_cast<std::size_t>(random() % n); }

std::vector<Code> random_codes(Random& random, std::size_t length, std::size_t alphabet) {
    std::vector<Code> codes(length);
    for (Code& code : codes) code = static_cast<Code>(1 + below(random, alphabet));
    return codes;
}

template <class Key>
std::vector<Key> random_keys(Random& random, std::size_t count, std::size_t alphabet) {
    std::vector<Key> keys;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t length = 1 + below(random, kKeySymbols<Key>);
        keys.push_back(pack<Key>(random_codes(random, length, alphabet)));
    }
    std::ranges::sort(keys);
    keys.erase(std::ranges::unique(keys).begin(), keys.end());
    return keys;
}

template <class Key>
std::u32string text_of(Key key) {
    std::u32string text;
    for (std::size_t i = 0; i < length(key); ++i) text += char32_t{code_at(key, i)};
    return text;
}

bool operator==(KeyRange a, KeyRange b) { return a.begin == b.begin && a.end == b.end; }

// The children of a range as a scan finds them.
template <class Key>
std::vector<std::pair<Code, KeyRange>> scan_children(const std::vector<Key>& keys, KeyRange range,
                                                     std::size_t depth) {
    std::vector<std::pair<Code, KeyRange>> children;
    for (std::uint32_t i = range.begin; i < range.end; ++i) {
        const Code code = code_at(keys[i], depth);
        if (children.empty() || children.back().first != code) children.push_back({code, {i, i}});
        children.back().second.end = i + 1;
    }
    return children;
}

template <class Key>
void expect_as_scan(const Trie<Key>& trie, const std::vector<Key>& keys, const typename Trie<Key>::Node& node,
                    std::size_t depth, bool below_compact = false) {
    if (node.is_leaf()) {
        if (node.range.size() > Trie<Key>::kLeafKeys && depth < kKeySymbols<Key> && !below_compact) {
            const std::size_t codes = std::size_t{code_at(keys[node.range.end - 1], depth)} -
                                      code_at(keys[node.range.begin], depth) + 1;
            EXPECT_FALSE(Trie<Key>::is_split(node.range.size(), codes, depth));
        }
        return;
    }
    const auto expected = scan_children(keys, node.range, depth);
    const std::size_t codes = std::size_t{expected.back().first} - expected.front().first + 1;
    const bool compact = Trie<Key>::is_compact(node.range.size(), codes, depth);
    std::vector<std::pair<Code, typename Trie<Key>::Node>> children;
    trie.for_each_child(node, [&](Code code, const auto& child) { children.emplace_back(code, child); });
    ASSERT_EQ(children.size(), expected.size());

    std::size_t next = 0;
    for (unsigned code = 0; code < 256; ++code) {
        const auto child = trie.child(node, static_cast<Code>(code));
        if (next == expected.size() || expected[next].first != code) {
            EXPECT_TRUE(child.is_leaf() && child.range.size() == 0) << "code " << code;
            continue;
        }
        EXPECT_EQ(children[next].first, code);
        EXPECT_TRUE(children[next].second.range == expected[next].second) << "code " << code;
        EXPECT_TRUE(child.range == expected[next].second) << "code " << code;
        EXPECT_EQ(child.branch, children[next].second.branch);
        expect_as_scan(trie, keys, child, depth + 1, compact);
        ++next;
    }
}

// Whether `of_key` symbols, `left` edits away from `length` codes of a read, are these but for what is
// forgiven.
bool is_forgiven(Forgives forgives, std::size_t length, std::size_t of_key, unsigned left) {
    if (left != 1) return left == 0;
    if (forgives == Forgives::missing_or_other) return of_key <= length;
    return forgives == Forgives::any || (forgives == Forgives::missing && of_key + 1 == length);
}

// A walk misses no key with a prefix that is the read's but for what is forgiven, and what it says of its way
// is true and the cheapest: what is left of read and key then has the distance of the whole, less what was
// spent.
template <class Key>
void expect_complete_walk(const Trie<Key>& trie, const std::vector<Key>& keys, const std::vector<Code>& read,
                          const Side& side, bool in_turns) {
    const std::size_t length = side.length, sure = side.sure;
    using LastReplaced = Side::LastReplaced;
    std::vector<unsigned> least(keys.size(), 99);
    const std::span<const Code> codes(read);
    const std::u32string text(read.begin(), read.end());
    std::vector<Way> ways;
    const auto path = descend(trie, codes);
    visit_anchored(trie, path, codes, side, in_turns, ways, [&](const Anchor& anchor) {
        for (std::uint32_t i = anchor.range.begin; i < anchor.range.end; ++i) {
            const std::u32string key = text_of(keys[i]);
            ASSERT_LE(anchor.of_read, text.size());
            ASSERT_LE(anchor.of_key, key.size());
            const unsigned rest = reference::levenshtein(std::u32string_view(text).substr(anchor.of_read),
                                                         std::u32string_view(key).substr(anchor.of_key));
            const unsigned spent = reference::levenshtein(std::u32string_view(text).substr(0, anchor.of_read),
                                                          std::u32string_view(key).substr(0, anchor.of_key));
            EXPECT_LE(spent, anchor.edits);
            least[i] = std::min(least[i], anchor.edits + rest);
        }
    });
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const std::u32string key = text_of(keys[i]);
        const unsigned distance = reference::levenshtein(text, key);
        EXPECT_GE(least[i], distance);
        // The edits left of the cut, in the alignment that has the fewest of them among the cheapest.
        for (std::size_t n = 0; n <= key.size(); ++n) {
            const unsigned left = reference::levenshtein(text.substr(0, length), key.substr(0, n));
            const unsigned right = reference::levenshtein(text.substr(length), key.substr(n));
            if (is_forgiven(side.forgives, length, n, left) && left + right == distance) {
                EXPECT_EQ(least[i], distance) << "key " << i;
            }
        }
        const auto goes_on_alike = [&] { return key.size() > sure && key[sure] == text[sure]; };
        if (side.last_replaced == LastReplaced::no || key.size() < sure || key[sure - 1] == text[sure - 1] ||
            key.substr(0, sure - 1) != text.substr(0, sure - 1) ||
            (side.last_replaced == LastReplaced::next_sure && !goes_on_alike())) {
            continue;
        }
        EXPECT_LE(least[i], 1 + reference::levenshtein(text.substr(sure), key.substr(sure))) << "key " << i;
    }
}

template <class Key>
class TrieOf : public testing::Test {};
using KeyTypes = testing::Types<Key8, Key16>;
TYPED_TEST_SUITE(TrieOf, KeyTypes);

TYPED_TEST(TrieOf, FewKeysAreOneLeaf) {
    EXPECT_EQ(Trie<TypeParam>().root().range.size(), 0u);
    constexpr std::uint32_t kMost = Trie<TypeParam>::kLeafKeys;
    std::vector<TypeParam> keys;
    for (Code code = 1; code <= kMost; ++code) keys.push_back(pack<TypeParam>(std::vector<Code>{7, code}));
    EXPECT_TRUE(Trie<TypeParam>(keys).root().is_leaf());
    EXPECT_EQ(Trie<TypeParam>(keys).root().range.size(), kMost);

    // One more makes two nodes pay: code 7 alone, and what follows it would be slots as many as keys.
    keys.push_back(pack<TypeParam>(std::vector<Code>{7, kMost + 1}));
    const Trie<TypeParam> trie(keys);
    ASSERT_FALSE(trie.root().is_leaf());
    const auto seven = trie.child(trie.root(), 7);
    EXPECT_TRUE(seven.is_leaf());
    EXPECT_TRUE(seven.range == (KeyRange{0, kMost + 1}));
    EXPECT_EQ(trie.child(trie.root(), 8).range.size(), 0u);
    EXPECT_EQ(trie.child(trie.root(), 6).range.size(), 0u);
}

TYPED_TEST(TrieOf, ChildrenAreThoseOfAScan) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    for (const std::size_t alphabet : {1, 2, 4, 40, 254}) {
        for (const std::size_t count : {0, 1, 16, 17, 200, 255, 256, 3000}) {
            SCOPED_TRACE(testing::Message() << count << " keys of " << alphabet << " symbols");
            const auto keys = random_keys<TypeParam>(random, count, alphabet);
            const Trie<TypeParam> trie(keys);
            EXPECT_TRUE(trie.root().range == (KeyRange{0, static_cast<std::uint32_t>(keys.size())}));
            expect_as_scan(trie, keys, trie.root(), 0);
        }
    }
}

TYPED_TEST(TrieOf, WalksMissNothing) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    for (const std::size_t alphabet : {2, 4, 254}) {
        for (const std::size_t count : {0, 17, 200, 500}) {
            const auto keys = random_keys<TypeParam>(random, count, alphabet);
            const Trie<TypeParam> trie(keys);
            for (int round = 0; round < 30; ++round) {
                const auto read = random_codes(random, below(random, 9), alphabet);
                const auto length = static_cast<std::uint32_t>(below(random, read.size() + 1));
                const auto some = static_cast<std::uint32_t>(below(random, length + 1));
                for (const Forgives forgives :
                     {Forgives::nothing, Forgives::missing, Forgives::missing_or_other, Forgives::any}) {
                    for (const bool in_turns : {false, true}) {
                        SCOPED_TRACE(testing::Message()
                                     << count << " keys of " << alphabet << " symbols, forgives "
                                     << static_cast<int>(forgives));
                        const std::uint32_t sure = forgives == Forgives::nothing ? length : some;
                        expect_complete_walk(trie, keys, read, {sure, length, forgives}, in_turns);
                        if (sure == 0 || sure == length || forgives != Forgives::missing) continue;
                        for (const auto last : {Side::LastReplaced::any, Side::LastReplaced::next_sure})
                            expect_complete_walk(trie, keys, read, {sure, length, forgives, last}, in_turns);
                    }
                }
            }
        }
    }
}

TYPED_TEST(TrieOf, ShortcutsLeadWhereTheWalkDoes) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    for (const std::size_t alphabet : {1, 4, 12, 60}) {  // 60: more fans than so few keys are worth
        const auto keys = random_keys<TypeParam>(random, 5000, alphabet);
        const Trie<TypeParam> trie(keys);
        std::size_t shortcuts = 0;
        for (int round = 0; round < 2000; ++round) {
            const auto read = random_codes(random, 3 + below(random, 5), alphabet + 1);
            const auto key = pack<TypeParam>(read);
            auto walked = trie.root();
            for (std::size_t i = 0; i < 3 && !walked.is_leaf(); ++i) walked = trie.child(walked, read[i]);
            const std::uint32_t place = trie.find_shortcut(key);
            if (place == 0) continue;
            ++shortcuts;
            EXPECT_TRUE(trie.node_at(place).range == walked.range);
            EXPECT_EQ(trie.node_at(place).branch, walked.branch);
        }
        if (alphabet == 4) {
            EXPECT_GT(shortcuts, 500u);
        } else if (alphabet == 60) {
            EXPECT_EQ(shortcuts, 0u);
            EXPECT_LT(trie.nbytes(), 8 * keys.size());
        }
    }
}

}  // namespace
}  // namespace platewatch
