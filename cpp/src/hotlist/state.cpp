#include "platewatch/hotlist/state.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/base/raise.hpp"

namespace platewatch {
namespace {

using Numbers = std::vector<std::uint32_t>;

Numbers live_numbers(const Segment& segment) {
    Numbers numbers;
    numbers.reserve(segment.live());
    for (std::uint32_t i = 0; i < segment.index->size(); ++i) {
        if (segment.holds(i)) numbers.push_back(i);
    }
    return numbers;
}

}  // namespace

void Segment::append_entries(std::vector<IndexEntry>& out) const {
    Poller pass_by;
    for (const std::uint32_t number : live_numbers(*this)) {
        pass_by();
        out.push_back(index->entry(number));
    }
}

bool Segment::holds(std::uint32_t number) const noexcept {
    return !removed || !std::ranges::binary_search(*removed, number);
}

State::State(std::vector<Segment> segments) : segments_(std::move(segments)) {
    std::uint32_t first = 0;
    for (Segment& segment : segments_) {
        segment.first = first;
        if (segment.index->size() >= kMostNumbers - first) raise<std::length_error>("more than 2^30 entries");
        first += static_cast<std::uint32_t>(segment.index->size());
    }
}

std::size_t State::numbers() const noexcept {
    return segments_.empty() ? 0 : segments_.back().first + segments_.back().index->size();
}

std::size_t State::size() const noexcept {
    std::size_t size = 0;
    for (const Segment& segment : segments_) size += segment.live();
    return size;
}

std::size_t State::nbytes() const noexcept {
    std::size_t bytes = 0;
    for (const Segment& segment : segments_) bytes += segment.index->nbytes();
    return bytes;
}

const Segment& State::segment_of(std::uint32_t number) const noexcept {
    const auto behind = std::ranges::upper_bound(segments_, number, {}, &Segment::first);
    return *std::prev(behind);
}

std::string_view State::id(std::uint32_t number) const noexcept {
    const Segment& segment = segment_of(number);
    return segment.index->id(number - segment.first);
}

bool State::id_is_less(std::uint32_t a, std::uint32_t b) const noexcept {
    return segments_.size() == 1 ? a < b : id(a) < id(b);
}

std::string_view State::plate(std::uint32_t number) const noexcept {
    const Segment& segment = segment_of(number);
    return segment.index->plate(number - segment.first);
}

void State::plate(std::uint32_t number, Symbols& out) const noexcept {
    const Segment& segment = segment_of(number);
    segment.index->plate(number - segment.first, out);
}

std::string_view State::category(std::uint32_t number) const noexcept {
    const Segment& segment = segment_of(number);
    return segment.index->category(number - segment.first);
}

std::optional<std::int32_t> State::priority(std::uint32_t number) const noexcept {
    const Segment& segment = segment_of(number);
    return segment.index->priority(number - segment.first);
}

void State::prefetch_plates(std::span<const Match> matches) const noexcept {
    for (const Match& match : matches) {
        const Segment& segment = segment_of(match.entry);
        segment.index->prefetch_plate_place(match.entry - segment.first);
    }
    for (const Match& match : matches) {
        const Segment& segment = segment_of(match.entry);
        segment.index->prefetch_plate(match.entry - segment.first);
    }
}

float State::weight(std::uint32_t number) const noexcept {
    const Segment& segment = segment_of(number);
    return segment.index->weight(number - segment.first);
}

bool State::is_pattern(std::uint32_t number) const noexcept {
    const Segment& segment = segment_of(number);
    return segment.index->is_pattern(number - segment.first);
}

void State::search(std::span<const Query> block, unsigned k, Index::Workspace& workspace,
                   std::vector<Match>& out) const {
    const std::size_t before = out.size();
    for (const Segment& segment : segments_) {
        const std::size_t begin = out.size();
        segment.index->search(block, k, workspace, out);
        if (segment.removed) {
            const auto mine = out.begin() + static_cast<std::ptrdiff_t>(begin);
            out.erase(
                std::remove_if(mine, out.end(), [&](const Match& m) { return !segment.holds(m.entry); }),
                out.end());
        }
        for (std::size_t i = begin; i < out.size(); ++i) out[i].entry += segment.first;
    }
    order_matches(out, before, workspace.words);
    if (segments_.size() == 1) return;
    // Numbers follow the order of the ids in each segment only.
    const auto tied = [](const Match& a, const Match& b) { return a.read == b.read && a.edits == b.edits; };
    for (auto begin = out.begin() + static_cast<std::ptrdiff_t>(before); begin != out.end();) {
        const auto end = std::find_if(begin, out.end(), [&](const Match& m) { return !tied(*begin, m); });
        if (end - begin > 1) {
            std::sort(begin, end, [&](const Match& a, const Match& b) { return id(a.entry) < id(b.entry); });
        }
        begin = end;
    }
}

std::vector<std::uint32_t> State::search(const Pattern& query, Time at) const {
    Numbers found;
    for (const Segment& segment : segments_) {
        for (const std::uint32_t number : segment.index->search(query, at)) {
            if (segment.holds(number)) found.push_back(segment.first + number);
        }
    }
    std::ranges::sort(found, {}, [&](std::uint32_t number) { return id(number); });
    return found;
}

std::vector<IndexEntry> State::entries() const {
    std::vector<IndexEntry> entries;
    entries.reserve(size());
    for (const Segment& segment : segments_) segment.append_entries(entries);
    return entries;
}

}  // namespace platewatch
