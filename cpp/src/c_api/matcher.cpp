// A list in use: swapped as a whole, changed by an overlay.
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "c_api/handles.hpp"
#include "c_api/status.hpp"
#include "platewatch/text/normalize.hpp"
#include "platewatch/text/pattern.hpp"
#include "text/utf8.hpp"

using namespace platewatch;
using namespace platewatch::c;

pw_matcher::pw_matcher(DeviceList list) : generation_(std::make_shared<Generation>(std::move(list))) {}

void pw_matcher::use(DeviceList list) {
    auto next = std::make_shared<Generation>(std::move(list));
    {
        const std::scoped_lock lock(known_);
        generation_.swap(next);
    }
    changes.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<Generation> pw_matcher::generation() const {
    const std::scoped_lock lock(known_);
    return generation_;
}

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

pw_status pw_matcher_new(const pw_list* list, pw_matcher** matcher) {
    return guarded([&] {
        checked_pointer(matcher) = nullptr;
        *matcher = new pw_matcher(list == nullptr ? DeviceList(Payload()) : list->contents);
    });
}

pw_status pw_matcher_swap(pw_matcher* matcher, const pw_list* list) {
    return guarded([&] { checked_pointer(matcher).use(checked_pointer(list).contents); });
}

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

pw_status pw_matcher_get_info(const pw_matcher* matcher, pw_list_info* info) {
    return guarded([&] {
        const auto generation = checked_pointer(matcher).generation();
        pw_list_info& out = checked(info);
        out.max_edits = generation->max_edits;
        out.entries = generation->live.state()->size();
        out.has_model = generation->model ? 1 : 0;
        out.has_policy = generation->policy ? 1 : 0;
    });
}

void pw_matcher_free(pw_matcher* matcher) { delete matcher; }
