// The channel model against sums worked by hand and by brute force.
#include "platewatch/probability/channel_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/channel.hpp"

namespace platewatch {
namespace {

double likelihood_of(const ChannelTable& t, std::u32string_view read, std::u32string_view plate) {
    const ReadEvidence evidence = plain(read);
    return likelihood(ReadView(t, evidence), plate);
}

TEST(ChannelModel, OneSymbolByHand) {
    const ChannelTable t = small_table();
    double sum = 0;
    for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
        const ChannelRates& r = t.rates();
        const double gap = r.insertion[l][1], inserted = 1.0 / 9;
        const double one = (1 - gap) * r.one[l][0][1] * r.right[l * 9] * (1 - gap);
        // Or the 0 is lost and another 0 stands in front of it, or behind.
        const double lost = (1 - gap) * r.deletion[l][0][1] * (1 - gap);
        sum += r.level[l] * (one + 2 * gap * inserted * lost);
    }
    EXPECT_NEAR(likelihood_of(t, U"0", U"0"), sum, 1e-15);
}

TEST(ChannelModel, AMarkStandsForALostSymbolOrForNothingByHand) {
    const ChannelTable t = small_table();
    double none = 0, marked = 0;
    for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
        const ChannelRates& r = t.rates();
        const double gap = r.insertion[l][1], inserted = 1.0 / 9;
        const double one = (1 - gap) * r.one[l][0][1] * r.right[l * 9] * (1 - gap);
        // The mark is in front of the character: it may stand for the 0 if it is the character behind that
        // is one more. It is one of ten without a column of their own, and = has the price 0.01.
        const double as_mark = r.one[l][0][1] * r.wrong[l * 9] / 8 / 10 / 0.01;
        const double lost = (1 - gap) * (1 - gap) * gap * inserted;
        none += r.level[l] * (one + 2 * lost * r.deletion[l][0][1]);
        marked += r.level[l] * (one + lost * (2 * r.deletion[l][0][1] + as_mark));
    }
    EXPECT_NEAR(likelihood_of(t, U"0", U"0"), none, 1e-15);
    EXPECT_NEAR(likelihood_of(t, U"=0", U"0"), marked, 1e-15);
    EXPECT_NEAR(likelihood_of(t, U"==0", U"0"), none, 1e-15);  // a pad
}

TEST(ChannelModel, TheUnknownSymbolHasNoColumnOfItsOwn) {
    // Models of earlier versions have learnt one.
    const std::vector<char32_t> symbols = {U'0', U'1', kUnknownSymbol, U'가', U'거'};
    const ChannelTable t(symbols, {0.5}, plain_rates(symbols.size() + kSymbolClasses));
    EXPECT_EQ(t.column(U'1'), 1U);
    EXPECT_EQ(t.column(kUnknownSymbol), t.columns() - 1);
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
        // The only letter counts less, and what it loses nothing has.
        sum +=
            codes * likelihood_of(t, read, U"0가") / (std::ranges::count(read, U'Q') == 1 ? kLoneLetter : 1);
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

// A read of `012`, each with alternatives.
ReadEvidence listed(std::u32string_view first, std::u32string_view second, std::u32string_view third) {
    ReadEvidence read;
    for (const auto& [c, alternatives] : {std::pair{U'0', first}, {U'1', second}, {U'2', third}}) {
        read.push_back(c);
        Evidence& evidence = read.back();
        evidence.p = 0.5F;
        evidence.has_alternatives = true;
        for (const char32_t symbol : alternatives)
            evidence.alternatives[evidence.alternative_count++] = {symbol, 0.1F};
    }
    return read;
}

TEST(ChannelModel, ASymbolIsRankedByWhereTheRecogniserListsIt) {
    const ChannelTable t = small_table();
    const auto rank = [&](std::u32string_view first, std::u32string_view second, std::u32string_view third,
                          char32_t symbol) {
        const ReadEvidence evidence = listed(first, second, third);
        return ReadView(t, evidence).rank(0, symbol);
    };
    EXPECT_EQ(rank(U"가", U"가", U"", U'가'), 1U);
    EXPECT_EQ(rank(U"1", U"가", U"가", U'가'), ChannelRates::kListedRanks);
    EXPECT_EQ(rank(U"거", U"1", U"가", U'가'), ChannelRates::kListedRanks + 1);
    EXPECT_EQ(rank(U"거", U"", U"", U'가'), ChannelRates::kOtherSyllable);
    EXPECT_EQ(rank(U"1", U"거", U"", U'가'), ChannelRates::kAbsent);
    // Digits are among one another's alternatives anyway.
    EXPECT_EQ(rank(U"", U"2", U"", U'2'), ChannelRates::kAbsent);
    EXPECT_EQ(rank(U"거", U"", U"", U'2'), ChannelRates::kAbsent);
}

TEST(ChannelModel, WhereASymbolIsListedCountsByHowOftenThatIs) {
    const ChannelTable t = small_table();
    const ChannelRates& rates = t.rates();
    const ReadEvidence unlisted = [] {
        ReadEvidence read = listed(U"", U"", U"");
        ReadEvidence out;
        for (const Evidence& evidence : read.view()) {
            out.push_back(evidence.c);
            out.back().p = evidence.p;
        }
        return out;
    }();
    const std::size_t of_0 = t.column(U'0') * t.columns(), of_1 = t.column(U'1') * t.columns();
    const std::size_t s = t.column(U'가');
    const auto& ranks = rates.ratio_rank[static_cast<std::size_t>(SymbolClass::syllable)];
    const auto ratio = [&](const ReadEvidence& read) {
        return ReadView(t, read).confused(0, 0, U'가', s) / ReadView(t, unlisted).confused(0, 0, U'가', s);
    };
    const double often = rates.alternative[of_0 + s], other = rates.syllable_listed[t.column(U'0')];
    EXPECT_NEAR(ratio(listed(U"가", U"", U"")), ranks[1] / often, 1e-12);
    EXPECT_NEAR(ratio(listed(U"", U"가", U"")),
                ranks[ChannelRates::kListedRanks] / rates.alternative[of_1 + s], 1e-12);
    EXPECT_NEAR(ratio(listed(U"거", U"", U"")), ranks[ChannelRates::kOtherSyllable] / ((1 - often) * other),
                1e-12);
    EXPECT_NEAR(ratio(listed(U"", U"", U"")), ranks[ChannelRates::kAbsent] / ((1 - often) * (1 - other)),
                1e-12);
}

TEST(ChannelModel, ARareSyllableIsOneThatLooksLikeIt) {
    const ChannelTable t = small_table();
    const auto likelihood_of_rare = [&](char32_t c, char32_t symbol) {
        return likelihood_of(t, {&c, 1}, {&symbol, 1});
    };
    // 갸 has the consonants of 가 and 거, and the vowel of neither; 랴 has nothing but no final consonant.
    EXPECT_DOUBLE_EQ(likelihood_of_rare(U'갸', U'가'), likelihood_of_rare(U'갸', U'거'));
    EXPECT_GT(likelihood_of_rare(U'갸', U'가'), likelihood_of_rare(U'랴', U'가'));
    EXPECT_EQ(likeness_of(U'갸', U'가'), 5U);
    EXPECT_EQ(likeness_of(U'랴', U'가'), 4U);
    EXPECT_EQ(likeness_of(U'라', U'가'), 6U);
    EXPECT_EQ(likeness_of(U'각', U'가'), 3U);
    EXPECT_EQ(likeness_of(U'힣', U'가'), 0U);
    // With a column of its own it stays as rare.
    const std::vector<char32_t> more = {U'갸', U'랴'};
    const ChannelTable wider = t.with_symbols(more);
    for (const char32_t c : more)
        EXPECT_DOUBLE_EQ(likelihood_of(wider, {&c, 1}, U"가"), likelihood_of(t, {&c, 1}, U"가"));
}

TEST(ChannelModel, AConfidenceIsComparedWithThoseOfItsClass) {
    const ChannelTable t = small_table();
    Evidence evidence;
    evidence.p = 0.6F;
    std::vector<std::size_t> bins;
    for (const char32_t c : {U'1', U'A', U'가', U'/'}) {
        evidence.c = c;
        bins.push_back(t.bin(evidence));
    }
    EXPECT_EQ(bins, (std::vector<std::size_t>{1, 3, 5, 7}));
    evidence.p = 0.4F;
    EXPECT_EQ(t.bin(evidence), 6U);
    evidence.p = -1;
    EXPECT_EQ(t.bin(evidence), t.bins() - 1);
}

TEST(ChannelModel, AConfidenceInTheWholeTellsOfTheFrame) {
    const ChannelTable t = small_table();
    ReadEvidence read = plain(U"0가1");
    const double unsaid = likelihood(ReadView(t, read), U"0가0");
    double sum = 0;
    read.set_confidence(0.9F);
    for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
        std::array<double, ChannelRates::kLevels> only = {};
        only[l] = t.rates().level[l];
        const ChannelTable of_level = t.with_level(only);
        sum += t.rates().ratio_read[2 * l + 1] * likelihood(ReadView(of_level, plain(U"0가1")), U"0가0");
    }
    EXPECT_NE(sum, unsaid);
    EXPECT_NEAR(likelihood(ReadView(t, read), U"0가0"), sum, 1e-15);
    // Where a character has one of its own, nothing.
    ReadEvidence both = plain(U"0가");
    add({.c = U'1', .p = 0.7F}, both);
    const double of_characters = likelihood(ReadView(t, both), U"0가0");
    both.set_confidence(0.1F);
    EXPECT_EQ(likelihood(ReadView(t, both), U"0가0"), of_characters);
}

TEST(ChannelModel, ClutterByHand) {
    const ChannelTable t = small_table();
    const ChannelRates& r = t.rates();
    // Digits are 0, 1, 2 and the class's column, of which ten code points: 1, 2, 3 and 6 of 12; syllables 4,
    // 5 and 8 of 17; of letters there is one column, for 26.
    const auto& next = r.clutter_next;
    const std::size_t none = ChannelRates::kStart;
    EXPECT_NEAR(t.clutter(plain(U"2")), r.clutter_size[0] * next[none][none][0] * 3 / 12, 1e-15);
    EXPECT_NEAR(t.clutter(plain(U"7가0A")),
                r.clutter_size[3] * next[none][none][0] * 6 / 12 / 10 * next[none][0][2] * 4 / 17 *
                    next[0][2][0] * 1 / 12 * next[2][0][1] / 26,
                1e-15);
    EXPECT_EQ(t.clutter(ReadEvidence()), 0);
}

TEST(ChannelModel, CountsAddUp) {
    const ChannelTable t = small_table();
    for (const auto& [text, plate] :
         std::vector<std::pair<std::u32string, std::u32string>>{{U"01가21", U"01가21"},
                                                                {U"0121", U"01가21"},
                                                                {U"1020거10211", U"01가21"},
                                                                {U"01=21", U"01가21"},
                                                                {U"01가21", U"서울01가21"}}) {
        const ReadEvidence evidence = plain(text);
        const ReadView read(t, evidence);
        ChannelRates counts(t.columns(), t.bins());
        EXPECT_DOUBLE_EQ(count_events(read, plate, counts), likelihood(read, plate));
        double levels = 0, symbols = 0, characters = 0;  // and marks
        for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
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
    EXPECT_GT(std::exp(log), 0.3 * likelihood(view, U"01가"));
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
