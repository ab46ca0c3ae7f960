// Where a read is cut into its first symbols and its last ones; what finds everything, whatever the cut, is
// told in key_index.hpp.
#pragma once

#include <cstdint>
#include <optional>

#include "platewatch/search/trie.hpp"
#include "platewatch/search/walk.hpp"

namespace platewatch {

// Both ends of a read, what is forgiven there, and which keys are compared besides.
struct Cut {
    Side forward, backward;
    bool by_middle = false;  // what has an edit at both ends is in the middle order
};

// The cheapest cut of those that find everything; see key_index.hpp. `middle` is how many keys of the middle
// orders are to be compared, if there are such.
template <class Key>
[[nodiscard]] Cut choose_cut(const Trie<Key>& forward_trie, const Trie<Key>& backward_trie,
                             const Path<Key>& forward, const Path<Key>& backward, std::uint32_t size,
                             unsigned k, std::optional<std::uint64_t> middle) noexcept;

}  // namespace platewatch
