// The sum over the plates of the population that a pattern admits.
//
// It is that of ReadScorer::background, over the pairs of a node of the population's trie and what the
// pattern makes of the symbols from there on (a set of its automaton's states): all ways to a pair go on
// alike, so they are summed there. What a pair has to keep of its ways is linear in them: the row, and what a
// symbol in front needs to be merged with the pair's own. Symbols that a pattern does not name go together,
// as the whole set less those that are named. Where a pattern admits whatever is in front, that is known from
// the read alone (`make_pattern_fronts`), and the way ends.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/probability/score.hpp"
#include "platewatch/text/region.hpp"

namespace platewatch {

struct ReadScorer::PatternRoom {
    using States = ReadScorer::States;
    static constexpr States kAll = ~States{0};  // whatever is in front, it is admitted

    // What a pair keeps, one after the other: its row, then for a merge with the symbol in front, [place in
    // the read], the sums over its ways of what is behind its own symbol, times that symbol's ...
    struct Layout {
        std::size_t own, lost, confused, weight, size;

        explicit Layout(std::size_t m)
            : own(m + 3),
              lost(own + m + 1),
              confused(lost + m + 1),
              weight(confused + m + 1),
              size(weight + m + 3) {}
    };
    struct Pair {
        States states;
        char32_t mark;    // its symbol if a region mark may end there, in front of what is admitted; else 0
        double vehicles;  // the share of them that comes here
        std::size_t at;   // in cells
    };
    struct Range {
        std::size_t begin = 0, end = 0;
    };
    // Symbols of a set that the automaton does not tell apart.
    struct Alike {
        States tokens;
        unsigned symbols;
        double weight;             // their shares
        const Emission* emission;  // of all of them, or of the only one, times ...
        double scale;
    };
    // Where symbols of a set lead to, and the parts that they are summed up from.
    static constexpr std::size_t kNone = ~std::size_t{0};
    struct Way {
        States states;
        char32_t mark;
        bool is_admitted;
        unsigned symbols;
        double weight;
        std::size_t pair;  // that it leads to
    };
    struct Part {
        std::size_t to, from;  // ways that it is added to and taken from; kNone: none
        const Emission* emission;
        double scale;
    };
    // What is in front of a node.
    struct Front {
        std::size_t least = std::numeric_limits<std::size_t>::max(), most = 0;  // symbols
        double vehicles = 0;  // that have the plates with such an end, were it sure
    };

    // By the population and the table.
    std::uint64_t table = 0;    // its id
    std::vector<Front> fronts;  // [node]; the last one is that of the plates' ends
    double vehicles_of_classes = 0;
    std::vector<Step> steps;  // [node]: of one symbol
    std::vector<std::vector<std::pair<char32_t, double>>> ends_of_marks, starts_of_marks;  // [set]

    // By the read: what each of the cells of a pair counts for in all that may be in front of it.
    std::uint64_t fronts_of_read = 0;
    std::vector<Levels> front_cells;

    // By the pattern.
    std::vector<std::vector<Alike>> alike;  // [set]
    std::vector<std::size_t> others;        // [set]: symbols that it does not name
    std::vector<Emission> emissions;
    std::vector<Pair> pairs;
    std::vector<Range> ranges;  // [node], of pairs
    std::vector<Levels> cells;
    std::vector<Way> ways;
    std::vector<Part> parts;
    std::vector<States> ahead;       // [node]: tokens that some symbol in front is admitted by
    std::vector<States> may_accept;  // [node]: states that what is in front may be admitted from
    std::vector<Levels> part_cells;

    void prepare(const ScoringTable& of);
};

void ReadScorer::PatternRoom::prepare(const ScoringTable& of) {
    if (table == of.id_) return;
    table = of.id_;
    const PopulationTrie& population = *of.population_;
    const auto nodes = population.nodes();
    fronts.assign(nodes.size() + 1, {});
    vehicles_of_classes = 0;
    steps.clear();
    for (std::size_t number = nodes.size(); number-- > 0;) {
        const auto& node = nodes[number];
        Front& own = fronts[number];
        if (node.first) own = {0, 0, node.starts};
        Front& behind = fronts[node.parent == PopulationTrie::kEnd ? nodes.size() : node.parent];
        behind.least = std::min(behind.least, own.least + 1);
        behind.most = std::max(behind.most, own.most + 1);
        const double vehicles = population.sets()[node.set].weight * own.vehicles;
        behind.vehicles += vehicles;
        if (node.parent == PopulationTrie::kEnd && !node.generic) vehicles_of_classes += vehicles;
    }
    for (const auto& node : nodes) {
        const SymbolClass c = population.sets()[node.set].symbol_class;
        steps.push_back(of.step(c, node.first, population.class_behind(node)));
    }
    ends_of_marks.assign(population.sets().size(), {});
    starts_of_marks.assign(population.sets().size(), {});
    for (std::size_t set = 0; set < population.sets().size(); ++set) {
        for (const auto& item : population.sets()[set].symbols) {
            if (ends_region_mark(item.first)) ends_of_marks[set].push_back(item);
            if (std::ranges::any_of(kRegionMarks,
                                    [&](std::u32string_view mark) { return mark[0] == item.first; }))
                starts_of_marks[set].push_back(item);
        }
    }
}

// Adds to what a pair keeps what a symbol, or symbols, in front of another pair make of it.
template <bool has_marks>
void ReadScorer::add_in_front(const Step& step, const Emission& emission, double scale, const Row& split,
                              bool is_first, const Levels* from, Levels* to) const noexcept {
    const std::size_t m = size_;
    const PatternRoom::Layout at(m);
    const double weight = scale * emission.weight;
    const Levels one = step.one * scale, deletion = step.deletion * weight, split_off = step.split * weight,
                 as_first = step.merged_as_first * scale, as_second = step.merged_as_second * scale,
                 otherwise = step.merged_otherwise * scale, otherwise_next = step.merged_otherwise * weight;
    const Levels *own = from + at.own, *lost = from + at.lost, *confused = from + at.confused,
                 *weighed = from + at.weight;
    for (std::size_t j = 0; j < m; ++j) {
        Levels gone = deletion;
        if constexpr (has_marks) gone += one * emission.mark[j];
        to[j] += gone * from[j] + one * emission.one[j] * from[j + 1] + split_off * split[j] * from[j + 2] +
                 as_first * emission.own[j] * lost[j] + as_second * emission.lost[j] * own[j] +
                 otherwise * emission.confused[j] * weighed[j + 1] + otherwise_next * confused[j];
    }
    Levels gone = deletion;
    if constexpr (has_marks) gone += one * emission.mark[m];
    to[m] += gone * from[m];
    if (is_first) return;
    to[at.weight] += from[0] * weight;
    for (std::size_t j = 0; j < m; ++j) {
        const Levels behind = from[j + 1] * scale;
        to[at.own + j] += emission.own[j] * behind;
        to[at.lost + j] += emission.lost[j] * behind;
        to[at.confused + j] += emission.confused[j] * behind;
        to[at.weight + j + 1] += emission.weight * behind;
    }
}

// The same the other way round: what the cells of the pair behind count for, by those of the pair in front.
void ReadScorer::make_pattern_fronts() {
    PatternRoom& room = *pattern_room_;
    if (room.fronts_of_read == read_number_) return;
    room.fronts_of_read = read_number_;
    const PopulationTrie& population = *table_->population_;
    const auto nodes = population.nodes();
    const std::size_t m = size_;
    const PatternRoom::Layout at(m);
    room.front_cells.assign((nodes.size() + 1) * at.size, Levels{});
    for (std::size_t number = nodes.size(); number-- > 0;) {
        const auto& node = nodes[number];
        const Step& step = room.steps[number];
        const double set_weight = population.sets()[node.set].weight;
        Levels* front = &room.front_cells[number * at.size];
        Levels* behind =
            &room.front_cells[(node.parent == PopulationTrie::kEnd ? nodes.size() : node.parent) * at.size];
        if (node.first && node.may_be_lost)
            behind[at.weight] += node.starts * set_weight * step.on * table_->region_loss_;
        behind[0] += front[at.weight] * set_weight;
        if (!has_rows(node)) continue;
        const Row& inserted = inserted_[step.gap];
        if (node.first) {
            const Levels loss = node.may_be_lost ? table_->region_loss_ : Levels{};
            front[0] += node.starts * (1 - loss);
            if (m > 0) front[1] += node.starts * loss * inserted[0];
        }
        const Emission& emission = set_emission(node.set, m);
        const Row& split = splits(population.sets()[node.set].symbol_class);
        Levels f;  // of a cell without what is inserted in front of it
        for (std::size_t j = 0; j <= m; ++j) {
            f = front[j] + (j > 0 ? inserted[j - 1] * f : Levels{});
            Levels gone = step.deletion * emission.weight;
            if (has_marks_) gone += step.one * emission.mark[j];
            behind[j] += f * gone;
            if (j == m) break;
            behind[j + 1] += f * step.one * emission.one[j];
            behind[j + 2] += f * step.split * emission.weight * split[j];
            behind[at.lost + j] += f * step.merged_as_first * emission.own[j];
            behind[at.own + j] += f * step.merged_as_second * emission.lost[j];
            behind[at.weight + j + 1] += f * step.merged_otherwise * emission.confused[j];
            behind[at.confused + j] += f * step.merged_otherwise * emission.weight;
        }
        if (node.first) continue;
        for (std::size_t j = 0; j < m; ++j) {
            behind[j + 1] += front[at.own + j] * emission.own[j] + front[at.lost + j] * emission.lost[j] +
                             front[at.confused + j] * emission.confused[j] +
                             front[at.weight + j + 1] * emission.weight;
        }
    }
}

// How the symbols of a set go on from a pair, as ways and their parts.
void ReadScorer::make_ways(const PatternAutomaton& pattern, std::uint32_t number, States states,
                           char32_t mark, bool may_be_behind_mark) {
    PatternRoom& room = *pattern_room_;
    const auto& node = table_->population_->nodes()[number];
    const auto& set = table_->population_->sets()[node.set];
    room.ways.clear();
    room.parts.clear();
    const auto way_of = [&](States next, char32_t next_mark, bool is_admitted) {
        if (pattern.accepts_all(next)) next = PatternRoom::kAll, next_mark = 0;
        const auto same = [&](const PatternRoom::Way& way) {
            return way.states == next && way.mark == next_mark && way.is_admitted == is_admitted;
        };
        const auto known = std::ranges::find_if(room.ways, same);
        if (known != room.ways.end()) return static_cast<std::size_t>(known - room.ways.begin());
        room.ways.push_back({next, next_mark, is_admitted, 0, 0, PatternRoom::kNone});
        return room.ways.size() - 1;
    };
    const auto lead = [&](std::size_t to, std::size_t from, unsigned symbols, double weight,
                          const Emission* emission, double scale) {
        if (to == from) return;
        if (to != PatternRoom::kNone) room.ways[to].symbols += symbols, room.ways[to].weight += weight;
        if (from != PatternRoom::kNone) room.ways[from].symbols -= symbols, room.ways[from].weight -= weight;
        room.parts.push_back({to, from, emission, scale});
    };
    // The way of what is read by the automaton alone. States that come to nothing would part what goes on
    // alike.
    const auto usual = [&](States tokens) { return pattern.step(states, tokens) & room.may_accept[number]; };
    const auto usual_way = [&](States next) {
        const bool is_way = next != 0 && (!node.first || pattern.accepts(next));
        return is_way ? way_of(next, 0, false) : PatternRoom::kNone;
    };
    const auto& alike = room.alike[node.set];
    const States other = usual(pattern.any());
    const std::size_t others = room.others[node.set] > 0 ? usual_way(other) : PatternRoom::kNone;
    if (others != PatternRoom::kNone)
        lead(others, PatternRoom::kNone, static_cast<unsigned>(set.symbols.size()), set.weight,
             &set_emissions_[node.set], 1);
    for (const PatternRoom::Alike& symbols : alike)
        lead(usual_way(usual(symbols.tokens)), others, symbols.symbols, symbols.weight, symbols.emission,
             symbols.scale);
    // Symbols of region marks, one by one.
    const auto lead_mark = [&](char32_t symbol, double share, char32_t next_mark, bool is_admitted) {
        const States next = usual(pattern.tokens_of(symbol));
        const std::size_t from = usual_way(next);
        if (from != PatternRoom::kNone && (node.first || pattern.accepts_all(next)))
            return;  // admitted anyway
        lead(way_of(next, next_mark, is_admitted), from, 1, share, &emission_of(symbol), share);
    };
    if (may_be_behind_mark && !node.first) {
        for (const auto& [symbol, share] : room.ends_of_marks[node.set])
            lead_mark(symbol, share, symbol, false);
    }
    if (mark != 0 && node.first) {
        for (const auto& [symbol, share] : room.starts_of_marks[node.set]) {
            const char32_t word[] = {symbol, mark};
            if (is_region_mark({word, kRegionMarkSize})) lead_mark(symbol, share, 0, true);
        }
    }
}

// What the pattern's symbols make of the sets.
void ReadScorer::make_alike(const PatternAutomaton& pattern) {
    PatternRoom& room = *pattern_room_;
    const auto sets = table_->population_->sets();
    const std::size_t columns = table_->table_.symbols().size();
    room.alike.resize(sets.size());
    room.emissions.clear();
    room.others.resize(sets.size());
    for (std::size_t set = 0; set < sets.size(); ++set) {
        room.alike[set].clear();
        room.others[set] = sets[set].symbols.size();
    }
    std::size_t several = 0;
    for (const auto& [symbol, tokens] : pattern.known()) {
        const std::size_t column = table_->table_.column(symbol);
        if (column >= columns) continue;
        for (std::size_t set = 0; set < sets.size(); ++set) {
            const double share = table_->shares_[column * table_->sets_ + set];
            if (share == 0) continue;
            auto& alike = room.alike[set];
            --room.others[set];
            const auto known = std::ranges::find(alike, tokens, &PatternRoom::Alike::tokens);
            if (known == alike.end()) {
                alike.push_back({tokens, 1, share, &emission_of(symbol), share});
            } else {
                several += known->symbols == 1 ? 1 : 0;
                ++known->symbols;
                known->weight += share;
            }
        }
    }
    if (several == 0) return;
    room.emissions.resize(several);
    std::size_t made = 0;
    for (std::size_t set = 0; set < sets.size(); ++set) {
        for (PatternRoom::Alike& alike : room.alike[set]) {
            if (alike.symbols == 1) continue;
            Emission& sum = room.emissions[made++];
            sum = {};
            for (const auto& [symbol, tokens] : pattern.known()) {
                const std::size_t column = table_->table_.column(symbol);
                if (tokens != alike.tokens || column >= columns) continue;
                const double share = table_->shares_[column * table_->sets_ + set];
                if (share == 0) continue;
                const Emission& one = emission_of(symbol);
                for (std::size_t gap = 0; has_marks_ && gap <= size_; ++gap)
                    sum.mark[gap] += share * one.mark[gap];
                for (std::size_t j = 0; j < size_; ++j) {
                    sum.one[j] += share * one.one[j];
                    sum.confused[j] += share * one.confused[j];
                    sum.own[j] += share * one.own[j];
                    sum.lost[j] += share * one.lost[j];
                }
            }
            sum.weight = alike.weight;
            alike.emission = &sum;
            alike.scale = 1;
        }
    }
}

void ReadScorer::prepare_pattern(const PatternAutomaton& pattern) {
    if (!pattern_room_) pattern_room_ = std::make_shared<PatternRoom>();
    make_room_for_emissions();
    PatternRoom& room = *pattern_room_;
    room.prepare(*table_);
    const auto sets = table_->population_->sets();
    const auto nodes = table_->population_->nodes();
    if (set_emissions_.size() < sets.size()) set_emissions_.resize(sets.size());
    for (std::size_t set = 0; set < sets.size(); ++set) set_emission(set, size_);
    make_alike(pattern);
    room.ahead.assign(nodes.size() + 1, 0);
    room.may_accept.resize(nodes.size());
    for (std::size_t number = nodes.size(); number-- > 0;) {
        const auto& node = nodes[number];
        States tokens = room.others[node.set] > 0 ? pattern.any() : 0;
        for (const PatternRoom::Alike& symbols : room.alike[node.set]) tokens |= symbols.tokens;
        room.ahead[node.parent == PopulationTrie::kEnd ? nodes.size() : node.parent] |=
            room.ahead[number] | tokens;
        room.may_accept[number] = pattern.may_accept(room.fronts[number].most, room.ahead[number]);
    }
}

double ReadScorer::vehicles(const PatternAutomaton& pattern) {
    prepare_pattern(pattern);
    return sum_admitted(pattern, Sum::vehicles);
}

double ReadScorer::share_of_classes(const PatternAutomaton& pattern) {
    prepare_pattern(pattern);
    const double all = pattern_room_->vehicles_of_classes;
    return all > 0 ? std::clamp(sum_admitted(pattern, Sum::vehicles_of_classes) / all, 0.0, 1.0) : 0;
}

double ReadScorer::fitting(const PatternAutomaton& pattern) {
    prepare_pattern(pattern);
    const double sum = sum_admitted(pattern, Sum::background);
    // Plates that `background` leaves out may be all that the pattern admits.
    return sum > 0 ? sum : sum_admitted(pattern, Sum::all_nodes);
}

double ReadScorer::sum_admitted(const PatternAutomaton& pattern, Sum what) {
    PatternRoom& room = *pattern_room_;
    const auto nodes = table_->population_->nodes();
    const auto sets = table_->population_->sets();
    const std::size_t m = size_;
    const PatternRoom::Layout at(m);
    const bool of_classes = what == Sum::vehicles_of_classes;
    const bool counts = what == Sum::vehicles || of_classes;
    of_all_nodes_ = what == Sum::all_nodes;
    if (of_all_nodes_) room.fronts_of_read = 0;
    room.pairs.clear();
    room.cells.clear();
    room.ranges.assign(nodes.size() + 1, {});
    double vehicles = 0;
    Levels total;
    // A pair of which all that may be in front is admitted.
    const auto end_all = [&](const PatternRoom::Pair& pair, std::size_t number) {
        if (counts) {
            const bool at_end = number == nodes.size();
            vehicles += pair.vehicles *
                        (of_classes && at_end ? room.vehicles_of_classes : room.fronts[number].vehicles);
            return;
        }
        make_pattern_fronts();
        const Levels *front = &room.front_cells[number * at.size], *cell = &room.cells[pair.at];
        for (std::size_t i = 0; i < at.size; ++i) total += front[i] * cell[i];
    };
    const auto add_pair = [&](States states, char32_t mark) -> PatternRoom::Pair& {
        room.pairs.push_back({states, mark, 0, room.cells.size()});
        if (!counts) room.cells.resize(room.cells.size() + at.size, Levels{});
        return room.pairs.back();
    };
    {
        const States start = pattern.start();
        PatternRoom::Pair& end = add_pair(pattern.accepts_all(start) ? PatternRoom::kAll : start, 0);
        end.vehicles = 1;
        if (!counts) {
            Row row;
            end_row(row);
            std::copy_n(row.begin(), m + 3, room.cells.begin());
        }
        room.ranges[nodes.size()] = {0, 1};
        if (end.states == PatternRoom::kAll) end_all(end, nodes.size());
    }
    for (std::size_t number = 0; number < nodes.size(); ++number) {
        const auto& node = nodes[number];
        const PatternRoom::Range behind =
            room.ranges[node.parent == PopulationTrie::kEnd ? nodes.size() : node.parent];
        PatternRoom::Range& own = room.ranges[number];
        if (behind.begin == behind.end) continue;
        if (counts ? of_classes && node.generic : !has_rows(node)) continue;
        own = {room.pairs.size(), room.pairs.size()};
        const PatternRoom::Front& front = room.fronts[number];
        const Step& step = room.steps[number];
        const Row& split = splits(sets[node.set].symbol_class);
        const bool may_lead_to_mark = node.depth > kLeastBehindMark && !node.first;
        // Of a first symbol all that is admitted is summed in one.
        if (node.first) add_pair(0, 0);
        const auto may_be_admitted = [&](const PatternRoom::Way& way) {
            if (node.first || way.states == PatternRoom::kAll || way.mark != 0) return true;
            if (way.states == 0) return false;
            const std::size_t most = pattern.most(way.states);
            return most >= front.least || most + kRegionMarkSize >= front.least;
        };
        for (std::size_t i = behind.begin; i < behind.end; ++i) {
            const PatternRoom::Pair from = room.pairs[i];
            if (from.states == PatternRoom::kAll) continue;
            make_ways(pattern, static_cast<std::uint32_t>(number), from.states, from.mark,
                      may_lead_to_mark && pattern.accepts(from.states));
            for (PatternRoom::Way& way : room.ways) {
                way.pair = PatternRoom::kNone;
                if (way.symbols == 0 || !may_be_admitted(way)) continue;
                way.pair = own.begin;
                if (node.first) {
                    vehicles += node.starts * from.vehicles * way.weight;
                    continue;
                }
                while (way.pair < room.pairs.size() &&
                       (room.pairs[way.pair].states != way.states || room.pairs[way.pair].mark != way.mark))
                    ++way.pair;
                if (way.pair == room.pairs.size()) add_pair(way.states, way.mark);
                room.pairs[way.pair].vehicles += from.vehicles * way.weight;
            }
            if (counts) continue;
            const Levels* there = &room.cells[from.at];
            const auto cells_of = [&](std::size_t way) -> Levels* {
                const std::size_t pair = way == PatternRoom::kNone ? way : room.ways[way].pair;
                return pair == PatternRoom::kNone ? nullptr : &room.cells[room.pairs[pair].at];
            };
            const auto add_part = [&](const PatternRoom::Part& part, double scale, Levels* here) {
                if (has_marks_) {
                    add_in_front<true>(step, *part.emission, scale, split, node.first, there, here);
                } else {
                    add_in_front<false>(step, *part.emission, scale, split, node.first, there, here);
                }
            };
            for (const PatternRoom::Part& part : room.parts) {
                Levels *to = cells_of(part.to), *less = cells_of(part.from);
                if (to == less) continue;  // neither is
                if (node.first && node.may_be_lost) {
                    const double sign = to == nullptr ? -1 : less == nullptr ? 1 : 0;
                    total += sign * node.starts * step.on * table_->region_loss_ *
                             (part.scale * part.emission->weight * there[at.weight]);
                }
                if (to != nullptr && less != nullptr) {
                    room.part_cells.assign(at.size, Levels{});
                    add_part(part, part.scale, room.part_cells.data());
                    for (std::size_t c = 0; c < at.size; ++c) to[c] += room.part_cells[c];
                    for (std::size_t c = 0; c < at.size; ++c) less[c] -= room.part_cells[c];
                } else if (to != nullptr) {
                    add_part(part, part.scale, to);
                } else {
                    add_part(part, -part.scale, less);
                }
            }
        }
        own.end = room.pairs.size();
        const Row& inserted = inserted_[step.gap];
        for (std::size_t i = own.begin; i < own.end; ++i) {
            if (!counts) {
                Levels* row = &room.cells[room.pairs[i].at];
                for (std::size_t j = m; j-- > 0;) row[j] += inserted[j] * row[j + 1];
            }
            if (room.pairs[i].states == PatternRoom::kAll) end_all(room.pairs[i], number);
        }
        if (!node.first) continue;
        own.end = own.begin;
        if (!counts) {
            const Levels* row = &room.cells[room.pairs[own.begin].at];
            const Levels more = m > 0 ? inserted[0] * row[1] : Levels{};
            const Levels loss = node.may_be_lost ? table_->region_loss_ : Levels{};
            total += node.starts * (more + (1 - loss) * (row[0] - more));
        }
    }
    if (of_all_nodes_) room.fronts_of_read = 0;
    of_all_nodes_ = false;
    return counts ? vehicles : std::max(sum(total), 0.0);
}

}  // namespace platewatch
