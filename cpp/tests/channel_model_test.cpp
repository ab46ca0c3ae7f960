// The channel model against sums worked by hand and by brute force.
#include "platewatch/channel_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "channel.hpp"

namespace platewatch {
namespace {

double likelihood_of(const ChannelTable& t, std::u32string_view read, std::u32string_view plate) {
    const ReadEvidence evidence = plain(read);
    return likelihood(ReadView(t, evidence), plate);
}

TEST(ChannelModel, OneSymbolByHand) {
    const ChannelTable t = small_table();
    double sum = 0;
    for (std::size_t l = 0; l < 2; ++l) {
        const ChannelRates& r = t.rates();
        const double gap = r.insertion[l][1], inserted = 1.0 / 9;
        const double one = (1 - gap) * r.one[l][0][1] * r.right[l * 9] * (1 - gap);
        // Or the 0 is lost and another 0 stands in front of it, or behind.
        const double lost = (1 - gap) * r.deletion[l][0][1] * (1 - gap);
        sum += r.level[l] * (one + 2 * gap * inserted * lost);
    }
    EXPECT_NEAR(likelihood_of(t, U"0", U"0"), sum, 1e-15);
}

TEST(ChannelModel, ReadsOfAPlateSumToAlmostOne) {
    const ChannelTable t = small_table();
    const std::u32string symbols = U"012가거";
    // What falls into the columns of the classes is the sum over their code points.
    const char32_t others[] = {U'9', U'Q', U'힣', U'é'};
    const auto weight = [&](char32_t c) { return t.column_size(t.column(c)); };
    std::u32string all = symbols;
    all.append(std::begin(others), std::end(others));
    double sum = 0;
    const auto add = [&](const auto& self, std::u32string& read, double codes) -> void {
        sum += codes * likelihood_of(t, read, U"0가");
        if (read.size() == 5) return;
        for (const char32_t c : all) {
            read.push_back(c);
            self(self, read, codes * weight(c));
            read.pop_back();
        }
    };
    std::u32string read;
    add(add, read, 1);
    EXPECT_LT(sum, 1);
    EXPECT_GT(sum, 0.99);  // longer reads are the rest, and merges that the last symbol cannot have
}

TEST(ChannelModel, EvidenceCountsAsRatios) {
    const ChannelTable t = small_table();
    ReadEvidence read = plain(U"0");
    const double none = likelihood(ReadView(t, read), U"1");
    read.back().p = 0.9F;
    EXPECT_LT(likelihood(ReadView(t, read), U"1"), none);
    read.back().p = 0.1F;
    const double doubtful = likelihood(ReadView(t, read), U"1");
    EXPECT_GT(doubtful, none);
    read.back().has_alternatives = true;
    const double absent = likelihood(ReadView(t, read), U"1");
    EXPECT_LT(absent, doubtful);
    read.back().alternatives[0] = {U'1', 0.05F};
    read.back().alternative_count = 1;
    EXPECT_GT(likelihood(ReadView(t, read), U"1"), doubtful);
}

TEST(ChannelModel, CountsAddUp) {
    const ChannelTable t = small_table();
    for (const auto& [text, plate] :
         std::vector<std::pair<std::u32string, std::u32string>>{{U"01가21", U"01가21"},
                                                                {U"0121", U"01가21"},
                                                                {U"1020거10211", U"01가21"},
                                                                {U"01가21", U"서울01가21"}}) {
        const ReadEvidence evidence = plain(text);
        const ReadView read(t, evidence);
        ChannelRates counts(t.columns(), t.bins());
        EXPECT_DOUBLE_EQ(count_events(read, plate, counts), likelihood(read, plate));
        double levels = 0, symbols = 0, characters = 0;
        for (std::size_t l = 0; l < 2; ++l) {
            levels += counts.level[l];
            symbols += 2 * counts.region_loss[l];
            for (std::size_t c = 0; c < kSymbolClasses; ++c) {
                for (std::size_t e = 0; e < 2; ++e) {
                    symbols += counts.one[l][c][e] + counts.deletion[l][c][e] + counts.split[l][c][e];
                    characters += counts.one[l][c][e] + 2 * counts.split[l][c][e];
                }
                for (std::size_t next = 0; next < kSymbolClasses; ++next) {
                    symbols += 2 * counts.merge[l][c][next];
                    characters += counts.merge[l][c][next];
                }
            }
            characters += counts.insertion[l][0] + counts.insertion[l][1];
        }
        EXPECT_NEAR(levels, 1, 1e-9);
        EXPECT_NEAR(symbols, static_cast<double>(plate.size()), 1e-9);
        EXPECT_NEAR(characters, static_cast<double>(text.size()), 1e-9);
    }
}

TEST(ChannelModel, LikeliestEventsTellTheStory) {
    const ChannelTable t = small_table();
    const ReadEvidence evidence = plain(U"02가1");
    const ReadView view(t, evidence);
    const LikeliestWay way = likeliest_way(view, U"01가");
    std::size_t plate = 0, read = 0;
    std::vector<ChannelEvent::Kind> kinds;
    double log = std::log(t.rates().level[way.level]);
    for (const ChannelEvent& event : way.events) {
        log += event.log_probability;
        EXPECT_EQ(event.of_plate, plate);
        EXPECT_EQ(event.of_read, read);
        plate += event.plate_size;
        read += event.read_size;
        kinds.push_back(event.kind);
    }
    using Kind = ChannelEvent::Kind;
    EXPECT_EQ(kinds, (std::vector{Kind::right, Kind::wrong, Kind::right, Kind::insertion}));
    EXPECT_LT(std::exp(log), likelihood(view, U"01가"));
    EXPECT_GT(std::exp(log), 0.5 * likelihood(view, U"01가"));
}

TEST(ChannelModel, TheOnlyWayIsAllOfTheLikelihood) {
    ChannelRates rates = plain_rates(9);
    rates.level = {0, 1};
    rates.insertion = {};
    const ChannelTable t({U'0', U'1', U'2', U'가', U'거'}, {0.5}, rates);
    const ReadEvidence evidence = plain(U"0");
    const LikeliestWay way = likeliest_way(ReadView(t, evidence), U"0");
    ASSERT_EQ(way.events.size(), 1U);
    EXPECT_EQ(way.level, 1U);
    EXPECT_NEAR(way.events[0].log_probability, std::log(likelihood_of(t, U"0", U"0")), 1e-12);
}

TEST(ChannelModel, RefusesTablesThatDoNotAgree) {
    ChannelRates rates = plain_rates(9);
    const std::vector<char32_t> symbols = {U'0', U'1', U'2', U'가', U'거'};
    EXPECT_THROW(ChannelTable(symbols, {0.5, 0.6}, rates), std::invalid_argument);
    EXPECT_THROW(ChannelTable({U'1', U'0', U'2', U'3', U'4'}, {0.5}, rates), std::invalid_argument);
    rates.right[0] = std::nan("");
    EXPECT_THROW(ChannelTable(symbols, {0.5}, rates), std::invalid_argument);
}

}  // namespace
}  // namespace platewatch
