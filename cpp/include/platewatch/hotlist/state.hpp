// What a search of an index that changes sees: an immutable list of segments, each an Index with the entries
// that have been taken out of it since.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "platewatch/hotlist/index.hpp"
#include "platewatch/probability/wanted.hpp"

namespace platewatch {

struct Segment {
    std::shared_ptr<const Index> index;
    std::shared_ptr<const std::vector<std::uint32_t>> removed;  // numbers in the index, ascending; null: none
    std::uint32_t first = 0;                                    // the state's number of the index's entry 0

    [[nodiscard]] bool holds(std::uint32_t number) const noexcept;
    // Those that it holds.
    void append_entries(std::vector<IndexEntry>& out) const;
    [[nodiscard]] std::size_t live() const noexcept {
        return index->size() - (removed ? removed->size() : 0);
    }
};

// An entry of a state has the number of its segment's first plus that in the segment's index. Numbers follow
// the order of the ids only in a state of one segment; removed entries keep theirs.
class State final : public Wanted {
  public:
    State() = default;
    // Throws std::length_error if the segments have kMostNumbers entries or more.
    explicit State(std::vector<Segment> segments);

    [[nodiscard]] std::span<const Segment> segments() const noexcept { return segments_; }
    [[nodiscard]] std::size_t numbers() const noexcept;  // in use, those of removed entries too
    [[nodiscard]] std::size_t size() const noexcept;     // entries
    [[nodiscard]] std::size_t nbytes() const noexcept;

    [[nodiscard]] std::string_view id(std::uint32_t number) const noexcept;
    [[nodiscard]] std::string_view plate(std::uint32_t number) const noexcept override;
    void plate(std::uint32_t number, Symbols& out) const noexcept override;
    [[nodiscard]] std::string_view category(std::uint32_t number) const noexcept;
    [[nodiscard]] std::optional<std::int32_t> priority(std::uint32_t number) const noexcept;
    // Asks for the plates of matches, which lie anywhere, before they are wanted one after the other.
    void prefetch_plates(std::span<const Match> matches) const noexcept;
    [[nodiscard]] float weight(std::uint32_t number) const noexcept override;
    [[nodiscard]] bool is_pattern(std::uint32_t number) const noexcept override;
    [[nodiscard]] bool id_is_less(std::uint32_t a, std::uint32_t b) const noexcept override;

    // Appends the matches of a block of queries in the order read, edits, id, one line an entry.
    // Preconditions: as Index::search; the queries ascend by read.
    void search(std::span<const Query> block, unsigned k, Index::Workspace& workspace,
                std::vector<Match>& out) const;

    // The numbers of the valid entries that fit a pattern, in the order of the ids.
    [[nodiscard]] std::vector<std::uint32_t> search(const Pattern& query, Time at) const;

    [[nodiscard]] std::vector<IndexEntry> entries() const;

  private:
    [[nodiscard]] const Segment& segment_of(std::uint32_t number) const noexcept;

    std::vector<Segment> segments_;  // the first is the largest
};

}  // namespace platewatch
