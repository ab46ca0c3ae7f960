#include "platewatch/hotlist/plate_list.hpp"

#include <algorithm>
#include <utility>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/base/radix_sort.hpp"

namespace platewatch {
namespace {

using Exchange = std::array<Code, kMaxCode + 1>;  // by the code that a symbol had before

template <class Key>
void sort_distinct(Column<Key>& keys, const Exchange& exchange) {
    Poller pass_by;
    for (Key& key : keys) {
        pass_by();
        Key exchanged = 0;
        for (std::size_t i = 0; i < sizeof(Key); ++i) {
            const auto code = static_cast<Code>(key >> (8 * i));
            exchanged |= static_cast<Key>(static_cast<Key>(exchange[code]) << (8 * i));
        }
        key = exchanged;
    }
    radix_sort<sizeof(Key)>(keys, [](Key key) { return key; });
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
}

}  // namespace

Code PlateList::Builder::new_code(char32_t symbol) {
    if (symbols_.size() == kMaxCode) return kPadding;
    symbols_.push_back(symbol);
    const auto code = static_cast<Code>(symbols_.size());
    if (symbol < kPlane) codes_[symbol] = code;
    return code;
}

Code PlateList::Builder::code(char32_t symbol) {
    if (symbol < kPlane) return codes_[symbol] != kPadding ? codes_[symbol] : new_code(symbol);
    const auto place = std::ranges::find(symbols_, symbol) - symbols_.begin();
    return static_cast<std::size_t>(place) < symbols_.size() ? static_cast<Code>(place + 1)
                                                             : new_code(symbol);
}

bool PlateList::Builder::push_back(const Symbols& plate) {
    std::array<Code, kMaxSymbols> codes{};
    for (std::size_t i = 0; i < plate.size(); ++i) {
        codes[i] = code(plate.data()[i]);
        if (codes[i] == kPadding) return false;
    }
    if (plate.size() <= kKeySymbols<Key8>) {
        short_.push_back(pack<Key8>(std::span(codes).first<kKeySymbols<Key8>>()));
    } else {
        long_.push_back(pack<Key16>(codes));
    }
    return true;
}

PlateList PlateList::Builder::build() && {
    PlateList list;
    list.alphabet_ = Alphabet(symbols_);
    Exchange exchange{};
    for (std::size_t i = 0; i < symbols_.size(); ++i) exchange[i + 1] = list.alphabet_.code(symbols_[i]);
    sort_distinct(short_, exchange);
    sort_distinct(long_, exchange);
    list.short_ = std::move(short_);
    list.long_ = std::move(long_);
    return list;
}

bool PlateList::holds(const Symbols& plate) const noexcept {
    const auto is_known = [&](char32_t symbol) { return alphabet_.code(symbol) != kUnknownCode; };
    if (!std::ranges::all_of(plate.view(), is_known)) return false;
    return plate.size() <= kKeySymbols<Key8>
               ? std::ranges::binary_search(short_, alphabet_.encode<Key8>(plate))
               : std::ranges::binary_search(long_, alphabet_.encode<Key16>(plate));
}

}  // namespace platewatch
