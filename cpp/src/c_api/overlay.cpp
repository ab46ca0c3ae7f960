// Changes of the list in use, entry by entry.
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "c_api/handles.hpp"
#include "c_api/status.hpp"
#include "platewatch/text/normalize.hpp"
#include "platewatch/text/pattern.hpp"
#include "text/utf8.hpp"

using namespace platewatch;
using namespace platewatch::c;

namespace {

[[noreturn]] void refuse(std::uint32_t place, std::string_view why) {
    throw EntryRefused("entry " + std::to_string(place) + ": " + std::string(why));
}

std::string text_of(const char* text, std::uint32_t place, std::string_view why) {
    if (text == nullptr || !decode_utf8(text, [](char32_t) {})) refuse(place, why);
    return text;
}

IndexEntry to_entry(const pw_entry& given, std::uint32_t place) {
    IndexEntry entry;
    entry.id = text_of(given.id, place, "its id is not UTF-8");
    if (entry.id.empty()) refuse(place, "it has no id");
    const std::string plate = text_of(given.plate, place, "its plate is not UTF-8");
    if (is_pattern(plate)) {
        const PatternError error = parse_pattern(plate, entry.pattern.emplace());
        if (error != PatternError::none) refuse(place, reason(error));
    } else if (const TextError error = normalize(plate, TextKind::plate, entry.plate);
               error != TextError::none) {
        refuse(place, reason(error));
    }
    if (given.category != nullptr)
        entry.category = text_of(given.category, place, "its category is not UTF-8");
    entry.validity = {given.valid_from, given.valid_until};
    if (!(given.weight > 0) || !std::isfinite(given.weight)) refuse(place, "its weight is not above 0");
    entry.weight = static_cast<float>(given.weight);
    if ((given.flags & ~PW_ENTRY_EXACT) != 0) refuse(place, "it has a flag that is not known");
    entry.exact = (given.flags & PW_ENTRY_EXACT) != 0;
    return entry;
}

}  // namespace

pw_status pw_matcher_add(pw_matcher* matcher, const pw_entry* entries, uint32_t count) {
    return guarded([&] {
        pw_matcher& to = checked_pointer(matcher);
        checked_structs(entries, count, 1U << 24);
        std::vector<IndexEntry> made;
        const auto* next = reinterpret_cast<const unsigned char*>(entries);
        for (std::uint32_t i = 0; i < count; ++i) {
            const pw_entry& entry = checked(reinterpret_cast<const pw_entry*>(next));
            made.push_back(to_entry(entry, i));
            next += entries->size;
        }
        try {
            to.generation()->live.apply(std::move(made), {});
        } catch (const std::logic_error& error) {
            throw EntryRefused(error.what());
        }
        to.changes.fetch_add(1, std::memory_order_release);
    });
}

pw_status pw_matcher_remove(pw_matcher* matcher, const char* id, uint32_t* removed) {
    return guarded([&] {
        pw_matcher& from = checked_pointer(matcher);
        const std::string named = &checked_pointer(id);
        const std::size_t there = from.generation()->live.apply({}, std::span(&named, 1));
        from.changes.fetch_add(1, std::memory_order_release);
        if (removed != nullptr) *removed = there > 0 ? 1 : 0;
    });
}
