// A small fixed workload whose instructions are counted: instructions.py finds the functions `measured_...`
// in what callgrind tells of it.
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "platewatch/hotlist/batch.hpp"
#include "platewatch/hotlist/index.hpp"
#include "platewatch/hotlist/state.hpp"
#include "platewatch/search/kernel.hpp"
#include "platewatch/text/normalize.hpp"
#include "platewatch/text/pattern.hpp"
#include "workload.hpp"

using namespace platewatch;

namespace {

constexpr std::size_t kEntries = 20'000, kReads = 4'096, kScores = 256;

std::size_t search(const Index& index, std::span<const Query> reads, unsigned k) {
    Index::Workspace workspace;
    std::vector<Match> found;
    std::size_t matches = 0;
    for (std::size_t i = 0; i < reads.size(); i += Index::kBlock) {
        found.clear();
        index.search(reads.subspan(i, std::min(Index::kBlock, reads.size() - i)), k, workspace, found);
        order_matches(found, 0, workspace.words);
        matches += found.size();
    }
    return matches;
}

void fill(const void* context, std::size_t first, std::span<TextView> out) {
    const auto& texts = *static_cast<const std::vector<std::string>*>(context);
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = {texts[first + i].data(), texts[first + i].size(), TextView::Unit::utf8};
}

}  // namespace

// Each its own function, and in no other: so that each has a line of its own.
#define MEASURED extern "C" [[gnu::noinline, gnu::noclone]]

MEASURED void measured_normalize(const std::vector<std::string>& texts, std::vector<Query>& reads) {
    for (const std::string& text : texts) {
        Symbols symbols;
        if (normalize(text, TextKind::read, symbols) == TextError::none)
            reads.push_back({static_cast<std::uint32_t>(reads.size()), 0, symbols});
    }
}

MEASURED void measured_build(std::vector<IndexEntry>& list, std::unique_ptr<Index>& index) {
    index = std::make_unique<Index>(std::move(list));
}

MEASURED std::size_t measured_search_k0(const Index& index, const std::vector<Query>& reads) {
    return search(index, reads, 0);
}
MEASURED std::size_t measured_search_k1(const Index& index, const std::vector<Query>& reads) {
    return search(index, reads, 1);
}
MEASURED std::size_t measured_search_k2(const Index& index, const std::vector<Query>& reads) {
    return search(index, std::span(reads).first(kReads / 8), 2);
}
MEASURED std::size_t measured_search_k3(const Index& index, const std::vector<Query>& reads) {
    return search(index, std::span(reads).first(kReads / 32), 3);
}

// From text to what is probable enough to be told.
MEASURED std::size_t measured_scored(const State& state, const std::vector<std::string>& texts,
                                     const ScoringModel& model) {
    const Scoring scoring{&model, {.probability = 0.02}};
    return match_batch(state, {fill, &texts, kReads / 8}, {}, 0, 2, 1, scoring).read.size();
}

MEASURED double measured_likelihood(ReadScorer& scorer, const ScoringTable& table, const ReadEvidence& read,
                                    const std::vector<std::u32string>& plates) {
    double sum = 0;
    scorer.set_read(table, read);
    for (std::size_t i = 0; i < kScores; ++i) sum += scorer.likelihood(plates[i]);
    return sum;
}

MEASURED double measured_background(ReadScorer& scorer, const ScoringTable& table,
                                    const std::vector<std::u32string>& reads) {
    double sum = 0;
    ReadEvidence read;
    for (std::size_t i = 0; i < kScores; ++i) {
        read.assign(reads[i]);
        scorer.set_read(table, read);
        sum += scorer.background();
    }
    return sum;
}

MEASURED double measured_patterns(ReadScorer& scorer, const ScoringTable& table,
                                  const std::vector<std::u32string>& reads) {
    double sum = 0;
    ReadEvidence read;
    for (const char* text : {"*345*", "12가34??", "*1????6*", "*1?????6*", "*a*b*c*d*", "[가거]*", "?*"}) {
        Pattern pattern;
        if (parse_pattern(text, pattern) != PatternError::none) continue;
        const PatternAutomaton automaton(pattern);
        for (std::size_t i = 0; i < kScores / 8; ++i) {
            read.assign(reads[i]);
            scorer.set_read(table, read);
            sum += scorer.fitting(automaton);
        }
    }
    return sum;
}

int main() {
    workload::Plates plates(7);
    std::vector<std::u32string> wanted;
    std::unordered_set<std::u32string> seen;
    while (wanted.size() < kEntries) {
        if (std::u32string plate = plates.plate(); seen.insert(plate).second)
            wanted.push_back(std::move(plate));
    }
    std::vector<IndexEntry> list;
    for (const std::u32string& plate : wanted) list.push_back({to_utf8(plate), Symbols(plate)});
    std::vector<std::u32string> read_plates;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < kReads; ++i) {
        const bool derived = plates.below(50) == 0;
        read_plates.push_back(derived ? plates.misread(wanted[plates.below(kEntries)]) : plates.plate());
        texts.push_back(to_utf8(read_plates.back()));
    }
    std::vector<Query> reads;
    measured_normalize(texts, reads);
    std::unique_ptr<Index> built;
    measured_build(list, built);
    const std::shared_ptr<const Index> index = std::move(built);
    const std::size_t matches[] = {measured_search_k0(*index, reads), measured_search_k1(*index, reads),
                                   measured_search_k2(*index, reads), measured_search_k3(*index, reads)};

    const auto shared_table = std::make_shared<const ScoringTable>(
        workload::table(), std::make_shared<const PopulationTrie>(workload::korea()));
    const std::size_t told =
        measured_scored(State({Segment{index, nullptr}}), texts, ScoringModel(shared_table, {}, {}, {}, 1));
    const ScoringTable& table = *shared_table;
    ReadScorer scorer;
    ReadEvidence read;
    read.assign(read_plates.front());
    const double sum = measured_likelihood(scorer, table, read, wanted) +
                       measured_background(scorer, table, read_plates) +
                       measured_patterns(scorer, table, read_plates);
    std::printf("%s\n%s: %zu reads, matches %zu %zu %zu %zu, told %zu, score %.6g\n", PLATEWATCH_COMPILER,
                active_kernel().name, reads.size(), matches[0], matches[1], matches[2], matches[3], told,
                sum);
}
