// The index against the reference, on lists and reads that the input describes.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "fuzz.hpp"
#include "platewatch/hotlist/index.hpp"
#include "platewatch/text/region.hpp"
#include "reference/reference.hpp"

namespace platewatch::fuzz {
namespace {

constexpr std::size_t kMostEntries = 400;  // enough for ranges that are walked down again, see key_index.cpp
constexpr std::size_t kMostPairs = 4000;   // of a read and an entry: what the reference has time for
constexpr Time kTimes = 8;                 // windows and reads lie in 0 .. 7

constexpr std::u32string_view kAlphabets[] = {
    U"01",
    U"0123456789",
    U"0123456789가나다라마거너더러머바사아자",
    U"서울부산12바",
    U"01AB가나서울",
    U"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    U"0É가\U00020000\U0002A6DF\U0010FFFF",  // not all in the first plane
    U"",                                    // 254 syllables in a row: as many as an index can code
};
constexpr std::size_t kMostSymbols = 254;

class Scenario {
  public:
    explicit Scenario(Bytes bytes) : bytes_(bytes), alphabet_(bytes_.of(kAlphabets)) {
        if (!alphabet_.empty()) return;
        for (char32_t c = 0; c < kMostSymbols; ++c) alphabet_ += U'가' + c;
    }

    void run() {
        fill_list();
        for (const IndexEntry& entry : entries_) by_id_.push_back(&entry);
        std::ranges::sort(by_id_, {}, [](const IndexEntry* entry) { return std::string_view(entry->id); });
        const std::optional<Index> index = build();
        if (!index) return;
        check_entries(*index);

        Index::Workspace workspace;
        std::size_t left = std::min(kMostPairs / (entries_.size() + 1) + 1, 4 * Index::kBlock);
        do {
            const std::vector<Query> block = next_block(left);
            left -= block.size();
            check(*index, block, workspace);
        } while (left > 0 && !bytes_.empty());
    }

  private:
    char32_t symbol() { return bytes_.of(alphabet_); }

    std::u32string raw_plate() {
        std::u32string plate(1 + bytes_.below(kMaxSymbols), U'0');
        for (char32_t& c : plate) c = symbol();
        return plate;
    }

    std::u32string some_plate() {
        if (entries_.empty()) return raw_plate();
        return std::u32string(entries_[bytes_.below(entries_.size())].plate.view());
    }

    std::u32string marked(std::u32string_view plate) {
        return std::u32string(bytes_.of(kRegionMarks)) + std::u32string(plate);
    }

    // After a few misreadings. A read may get symbols that no entry has.
    std::u32string edited(std::u32string plate, bool is_read) {
        for (std::size_t edits = bytes_.below(6); edits > 0; --edits) {
            const std::size_t how = bytes_.below(is_read ? 8 : 6);
            const std::size_t at = plate.empty() ? 0 : bytes_.below(plate.size());
            if (how == 0) {
                plate.insert(at, 1, symbol());
            } else if (how == 1) {
                plate += symbol();
            } else if (how == 2) {
                plate = marked(plate);
            } else if (plate.empty()) {
                continue;
            } else if (how == 3) {
                plate.erase(at, 1);
            } else if (how == 4) {
                plate[at] = symbol();
            } else if (how == 5) {
                std::swap(plate[at], plate[(at + 1) % plate.size()]);
            } else if (how == 6) {
                plate[at] = bytes_.of(U"?힣\U0001F695");
            } else {
                plate.erase(0, kRegionMarkSize);
            }
        }
        return plate;
    }

    void add(std::u32string_view plate) {
        if (entries_.size() == kMostEntries || plate.empty()) return;
        // Ids that share their first 8 bytes, end in zeros or are in another order as UTF-16.
        constexpr std::string_view kPrefixes[] = {"", "Z", "가", "\uFF5E", "\U0001F695", "hotlist-"};
        std::string id(kPrefixes[id_prefix_]);
        if (id_zeros_) {
            id.append(entries_.size(), '\0');
        } else {
            id += std::to_string(entries_.size());
        }
        entries_.push_back({id, Symbols(plate.substr(0, kMaxSymbols)), validity_});
    }

    // A fleet: from some number on, n plates with consecutive ones.
    void add_fleet() {
        const std::u32string plate = some_plate();
        const std::size_t digits = 2 + bytes_.below(3);
        const std::size_t at = bytes_.below(plate.size() + 1);
        std::size_t number = bytes_.below(10000);
        for (std::size_t n = 1 + bytes_.below(256); n > 0; --n, ++number) {
            std::u32string text(digits, U'0');
            std::size_t left = number;
            for (std::size_t i = digits; i > 0; --i, left /= 10) {
                text[i - 1] = static_cast<char32_t>(U'0' + left % 10);
            }
            add(plate.substr(0, at) + text + plate.substr(at));
        }
    }

    // A plate with all pairs of symbols at two places.
    void add_family() {
        std::u32string plate = some_plate();
        const std::size_t first = bytes_.below(plate.size()), second = bytes_.below(plate.size());
        const std::size_t most = 2 + bytes_.below(15);
        const std::u32string_view symbols = std::u32string_view(alphabet_).substr(0, most);
        for (const char32_t a : symbols) {
            for (const char32_t b : symbols) {
                plate[first] = a;
                plate[second] = b;
                add(plate);
            }
        }
    }

    // Many plates from a few bytes.
    void add_crowd() {
        std::uint32_t state = bytes_.next();
        const auto random = [&](std::size_t n) {
            state = state * 1664525 + 1013904223;
            return (state >> 16) % n;
        };
        const std::u32string start = some_plate().substr(0, bytes_.below(5));
        const std::size_t shortest = 1 + bytes_.below(10), lengths = 1 + bytes_.below(4);
        const std::size_t symbols = 1 + bytes_.below(alphabet_.size());
        for (std::size_t n = bytes_.below(256); n > 0; --n) {
            std::u32string plate = start;
            for (std::size_t size = shortest + random(lengths); size > 0; --size) {
                plate += alphabet_[random(symbols)];
            }
            add(plate);
        }
    }

    void fill_list() {
        while (!bytes_.empty() && entries_.size() < kMostEntries) {
            switch (bytes_.below(10)) {
                case 0:
                    return;
                case 1:
                    add(raw_plate());
                    break;
                case 2:
                case 3:
                    add(edited(some_plate(), false));
                    break;
                case 4:
                    add_fleet();
                    break;
                case 5:
                    add_family();
                    break;
                case 6:
                    add_crowd();
                    break;
                case 7:
                    add(marked(some_plate()));
                    break;
                case 8:  // of the entries from here on
                    validity_ = {};
                    if (bytes_.one_in(2)) validity_.from = time();
                    if (bytes_.one_in(2)) validity_.until = time();
                    break;
                default:
                    id_prefix_ = bytes_.below(6);
                    id_zeros_ = bytes_.one_in(2);
            }
        }
    }

    Time time() { return static_cast<Time>(bytes_.below(kTimes)); }

    // None if the list has more symbols than an index can code, which it has to say.
    std::optional<Index> build() const {
        std::set<char32_t> symbols;
        for (const IndexEntry& entry : entries_)
            symbols.insert(entry.plate.view().begin(), entry.plate.view().end());
        try {
            Index index(entries_);
            if (symbols.size() > kMostSymbols) fail("an index took more symbols than it can code");
            return index;
        } catch (const std::length_error&) {
            if (symbols.size() <= kMostSymbols) throw;
            return std::nullopt;
        }
    }

    void check_entries(const Index& index) const {
        if (index.size() != by_id_.size()) fail("an index has another size than its list");
        for (std::uint32_t i = 0; i < by_id_.size(); ++i) {
            if (index.id(i) != by_id_[i]->id) fail("entry " + std::to_string(i) + " has another id");
            if (index.plate(i) != to_utf8(by_id_[i]->plate.view())) {
                fail("entry " + std::to_string(i) + " has another plate");
            }
        }
    }

    // Up to so many reads, at least one. Behind the last byte, each is the first entry.
    std::vector<Query> next_block(std::size_t most) {
        std::vector<Query> block;
        do {
            const std::size_t how = bytes_.below(8);
            const std::u32string text = how == 0 ? raw_plate() : edited(some_plate(), true);
            const Time at = how == 7 ? time() : 0;
            block.push_back({reads_++, at, Symbols(std::u32string_view(text).substr(0, kMaxSymbols))});
        } while (block.size() < std::min(most, 2 * Index::kBlock) && !bytes_.empty() && !bytes_.one_in(16));
        return block;
    }

    void check(const Index& index, std::span<const Query> block, Index::Workspace& workspace) const {
        std::vector<Match> all, all_lines;
        for (const Query& query : block) {
            for (Match match : reference::search(query.text.view(), entries_, kMaxEdits, query.at)) {
                match.read = query.read;
                all.push_back(match);
                add_lines(query, match, all_lines);
            }
        }
        std::ranges::sort(all_lines, {}, &in_order);
        const auto repeats = std::ranges::unique(all_lines);
        all_lines.erase(repeats.begin(), repeats.end());
        for (unsigned k = 0; k <= kMaxEdits; ++k) {
            const auto within = [&](std::span<const Match> matches) {
                std::vector<Match> out;
                std::ranges::copy_if(matches, std::back_inserter(out),
                                     [&](const Match& match) { return match.edits <= k; });
                return out;
            };
            std::vector<Match> found;
            index.search(block, k, workspace, found);
            std::vector<Match> lines = found;
            std::ranges::sort(lines, {}, &in_order);
            const auto again = std::ranges::unique(lines);
            lines.erase(again.begin(), again.end());
            order_matches(found, 0, workspace.words);
            if (found != within(all)) report("matches", block, k, found, within(all));
            if (std::vector<Match> expected = within(all_lines); lines != expected)
                report("lines before they are put in order", block, k, lines, expected);
        }
    }

    static std::tuple<std::uint32_t, std::uint32_t, std::uint32_t> in_order(const Match& match) {
        return {match.read, match.edits, match.entry};
    }

    // A match is one line for each form of the entry, or of the read, that is near enough.
    void add_lines(const Query& query, const Match& match, std::vector<Match>& lines) const {
        const std::u32string_view read = query.text.view(), entry = by_id_[match.entry]->plate.view();
        lines.push_back({match.read, match.entry, reference::levenshtein(read, entry)});
        if (has_region_mark(entry)) {
            const unsigned edits = reference::levenshtein(read, without_region_mark(entry));
            lines.push_back({match.read, match.entry, edits});
        } else if (has_region_mark(read)) {
            const unsigned edits = reference::levenshtein(without_region_mark(read), entry);
            lines.push_back({match.read, match.entry, edits});
        }
    }

    [[noreturn]] void report(const char* what, std::span<const Query> block, unsigned k,
                             std::span<const Match> found, std::span<const Match> expected) const {
        std::string message = std::string(what) + ": " + std::to_string(entries_.size()) +
                              " entries, block of " + std::to_string(block.size()) +
                              ", k = " + std::to_string(k);
        for (const Query& query : block) {
            const auto of_read = [&](std::span<const Match> matches) {
                std::vector<Match> out;
                std::ranges::copy_if(matches, std::back_inserter(out),
                                     [&](const Match& match) { return match.read == query.read; });
                return out;
            };
            if (of_read(found) == of_read(expected)) continue;
            message += "\nread " + escaped(query.text.view()) + " at " + std::to_string(query.at);
            message += "\n  the index finds" + list_of(of_read(found));
            message += "\n  the reference" + list_of(of_read(expected));
        }
        fail(message);
    }

    [[nodiscard]] std::string list_of(std::span<const Match> matches) const {
        std::string out;
        for (const Match& match : matches) {
            out += " " + std::to_string(match.entry) + ":" + std::to_string(match.edits) + "=" +
                   escaped(by_id_[match.entry]->plate.view());
        }
        return out.empty() ? " nothing" : out;
    }

    Bytes bytes_;
    std::u32string alphabet_;
    std::vector<IndexEntry> entries_;
    std::vector<const IndexEntry*> by_id_;  // in the order of the ids
    Validity validity_;
    std::size_t id_prefix_ = 0;
    bool id_zeros_ = false;
    std::uint32_t reads_ = 0;
};

}  // namespace
}  // namespace platewatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    platewatch::fuzz::Scenario(platewatch::fuzz::Bytes(data, size)).run();
    return 0;
}
