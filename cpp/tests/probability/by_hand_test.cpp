// Probabilities worked out by hand.
//
// A symbol is read as one character with 0.9, else lost; as itself with 0.8, else as one of the six others
// that there are: right is 0.9 * 0.8 = 0.72, any other character 0.9 * 0.2 / 6 = 0.03, lost 0.1. Nothing else
// happens. Six vehicles have one of the 18 numbers: digit, syllable, digit. So a third of a vehicle has each.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "platewatch/probability/pass.hpp"
#include "platewatch/probability/posterior.hpp"
#include "tests/population.hpp"
#include "tests/scored.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

constexpr double kRight = 0.72, kOther = 0.03, kLost = 0.1;
constexpr double kEach = 6.0 / 18;

// `as_mark`: how often what is not read as itself is read as a `/`, and not as one of the others.
ChannelTable hand_table(double as_mark = 0) {
    const std::vector<char32_t> symbols = {U'/', U'0', U'1', U'2', U'A', U'B', U'가', U'거'};
    const std::size_t known = symbols.size(), columns = known + kSymbolClasses;
    ChannelRates rates(columns, ChannelTable::bins(0));
    rates.level = {1, 0};
    for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
        for (std::size_t c = 0; c < kSymbolClasses; ++c) {
            rates.one[l][c] = {0.9, 0.9};
            rates.deletion[l][c] = {0.1, 0.1};
        }
    }
    std::ranges::fill(rates.right, 0.8);
    std::ranges::fill(rates.wrong, 0.2);
    std::ranges::fill(rates.inserted, 1.0 / static_cast<double>(columns));
    for (std::size_t s = 0; s < columns; ++s) {
        rates.confusion[s * columns] = as_mark;
        for (std::size_t c = 1; c < known; ++c) {
            const double others = static_cast<double>(s < known ? known - 2 : known - 1);
            rates.confusion[s * columns + c] = s == c ? 0 : (1 - as_mark) / others;
        }
    }
    for (auto* ratios : {&rates.ratio_right, &rates.ratio_wrong, &rates.ratio_inserted, &rates.ratio_merged})
        std::ranges::fill(*ratios, 1.0);
    std::ranges::fill(rates.alternative, 0.1);
    std::ranges::fill(rates.syllable_listed, 0.1);
    std::ranges::fill(rates.ratio_read, 1.0);
    rates.clutter_size.fill(1.0 / kMaxCharacters);
    for (auto& behind : rates.clutter_next) {
        for (auto& follows : behind) follows.fill(0.25);
    }
    std::ranges::fill(rates.clutter, 1.0 / static_cast<double>(columns));
    rates.likeness.fill(1);
    return ChannelTable(symbols, {}, rates);
}

Population six_vehicles() {
    Population population;
    population.classes = {{"three", 6, {}, false, {alike(U"012"), alike(U"가거"), alike(U"012")}}};
    return population;
}

ScoringTable hand_scoring(const Population& population, double as_mark = 0) {
    return {hand_table(as_mark), std::make_shared<const PopulationTrie>(population)};
}

// Of each match, in order.
std::vector<double> probabilities(const Scores& scores) {
    std::vector<double> out;
    for (const auto& [id, score] : scores) out.push_back(score.probability);
    return out;
}

std::vector<double> probabilities(const ScoringTable& table, const Entries& entries, const ReadTexts& read) {
    const std::u32string text = canonical_text(read.own);
    return probabilities(scores_of(entries, {text}, 3, [&](const State& state, auto& matches, auto& scores) {
        MatchScorer().score(state, table, read, {}, matches, scores);
    }));
}

std::vector<double> probabilities(const Population& population, const Entries& entries,
                                  const std::u32string& read) {
    return probabilities(hand_scoring(population), entries, plain(read));
}

double probability(const Population& population, std::string_view plate, const std::u32string& read,
                   double as_mark = 0) {
    const auto all = probabilities(hand_scoring(population, as_mark), {wanted(plate)}, plain(read));
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? -1 : all.front();
}

TEST(ByHand, AnExactReadIsNearCertainty) {
    // Of the other numbers 5 differ in one symbol, 8 in two, 4 in all three.
    const double read = std::pow(kRight, 3);
    const double others =
        kEach * (5 * kRight * kRight * kOther + 8 * kRight * kOther * kOther + 4 * std::pow(kOther, 3));
    EXPECT_NEAR(read, 0.373248, 1e-12);
    EXPECT_NEAR(others, 0.027684, 1e-12);
    EXPECT_NEAR(probability(six_vehicles(), "0가0", U"0가0"), 0.373248 / (0.373248 + 0.027684), 1e-9);
}

TEST(ByHand, TheOnlyLetterOfAReadIsHardlyEverADigitOrASyllable) {
    const double any_digit = kRight + 2 * kOther, read_as_letter = 2 * kEach * any_digit * any_digit * kOther;
    const double alone = kLoneLetter * read_as_letter;
    const double read = std::pow(kRight, 3);
    EXPECT_NEAR(probability(six_vehicles(), "0A0", U"0A0"), read / (read + alone), 1e-9);
    // Who takes a letter for another one took no digit for one.
    const double other = kRight * kRight * kOther;
    EXPECT_NEAR(probability(six_vehicles(), "0A0", U"0B0"), other / (other + alone), 1e-9);
    // With company it is as likely as each by itself.
    const double both = 3 * 2 * kEach * kOther * kOther * any_digit;
    EXPECT_NEAR(probability(six_vehicles(), "AA0", U"AA0"), read / (read + both), 1e-9);
}

TEST(ByHand, TwoAgenciesThatListOneVehicleEachHaveItsProbability) {
    Entries entries = {wanted("0가0"), wanted("0가0")};
    entries[1].id = "another agency's";
    const auto both = probabilities(six_vehicles(), entries, U"0가0");
    ASSERT_EQ(both.size(), 2u);
    for (const double p : both) EXPECT_NEAR(p, 0.373248 / (0.373248 + 0.027684), 1e-9);
}

TEST(ByHand, OneEditIsWeakWhereTheReadIsSomebodysPlate) {
    const double mistaken = kRight * kRight * kOther;
    // 0거0 itself; 4 more numbers with one edit, as the fifth is listed; 8 and 4 as above.
    const double others =
        kEach * (std::pow(kRight, 3) + 4 * mistaken + 8 * kRight * kOther * kOther + 4 * std::pow(kOther, 3));
    EXPECT_NEAR(others, 0.146916, 1e-9);
    EXPECT_NEAR(probability(six_vehicles(), "0가0", U"0거0"), 0.015552 / (0.015552 + 0.146916), 1e-9);
}

TEST(ByHand, ALostSyllableIsExplainedByEveryNumberWithThoseDigits) {
    // The syllable is lost, or a digit, and the syllable is read as that.
    const double read = kLost * (kRight * kRight + 2 * kRight * kOther);
    EXPECT_NEAR(read, 0.05616, 1e-12);
    // Of all 18: the symbols at a place come to 0.72 + 2 * 0.03 = 0.78 for a digit, 2 * 0.03 for the
    // syllable.
    const double all = kEach * kLost * (2 * 0.78 * 0.78 + 2 * (3 * 0.06 * 0.78));
    EXPECT_NEAR(all, 0.04992, 1e-12);
    EXPECT_NEAR(probability(six_vehicles(), "0가0", U"00"), 9.0 / 14, 1e-9);
    EXPECT_NEAR(9.0 / 14, read / (read + all - kEach * read), 1e-12);
}

TEST(ByHand, AnImpossiblePlateHasFewInnocentExplanations) {
    // As above, but no number ends with 2: 12 numbers, four vehicles.
    Population population = six_vehicles();
    population.classes[0].vehicles = 4;
    population.classes[0].positions[2] = alike(U"01");
    const double all = kEach * 0.78 * (kRight + kOther) * (2 * kOther);
    EXPECT_NEAR(all, 0.0117, 1e-12);
    const double others = all - kEach * 0.015552;
    EXPECT_NEAR(probability(population, "0가1", U"0가2"), 0.015552 / (0.015552 + others), 1e-9);
    EXPECT_GT(0.015552 / (0.015552 + others), 0.7);  // and 0.1 where 0가2 is a plate, as above
}

TEST(ByHand, APlateOutsideEveryClassIsComparedWithAnyOthersLikeIt) {
    Population population = six_vehicles();
    population.generic = {0.01, U"AB", 2, 2};
    const double read = kRight * kRight;
    const double like_it = 0.01 * (0.75 * 0.75 - read);
    // A number of three symbols of which one is lost and two are mistaken, in three ways.
    const double of_the_class = 6 * kLost * 3 * kOther * kOther;
    EXPECT_NEAR(like_it + of_the_class, 0.002061, 1e-9);
    EXPECT_NEAR(probability(population, "AB", U"AB"), 0.5184 / (0.5184 + 0.002061), 1e-9);
}

TEST(ByHand, AShopSignMayBeNoPlateAtAll) {
    Population population = six_vehicles();
    population.clutter = 0.25;
    const double read = kLost * kLost * (kRight + 2 * kOther);
    EXPECT_NEAR(read, 0.0078, 1e-12);
    // Two digits and the syllable, each as the one that is left: 9 of the 18 have 거.
    const double all = kEach * kLost * kLost * (2 * 18 * kOther + 9 * kRight + 9 * kOther);
    EXPECT_NEAR(all, 0.0261, 1e-12);
    // A third of a sign for each of 6 vehicles, of 1 to 16 characters, each of one of four classes; of
    // syllables, 거, 가 and all others are alike.
    const double sign = 6 * (0.25 / 0.75) / 16 / 4 / 3;
    EXPECT_NEAR(probability(population, "0거0", U"거"), read / (read + all - kEach * read + sign), 1e-9);
    // A sign has no more marks than a plate has.
    EXPECT_NEAR(probability(population, "0거0", U"/거-"), read / (read + all - kEach * read + sign), 1e-9);
}

TEST(ByHand, AMarkWhereNothingWasLostSaysNothing) {
    // No character is inserted here, so three characters of three symbols have lost none.
    for (const char32_t* read : {U"0/가0", U"0-가-0", U"///0가0", U"0가0...."})
        EXPECT_NEAR(probability(six_vehicles(), "0가0", read), 0.373248 / (0.373248 + 0.027684), 1e-9);
}

TEST(ByHand, AMarkSpeaksForASymbolLostWhereItStands) {
    // A quarter of the wrong ones are a slash: 0.9 * 0.2 / 4 = 0.045, and any other character is 0.0225.
    // Where digits stand on both sides, a slash that says nothing has the price 0.05.
    constexpr double kWrong = 0.0225, kMarked = kLost + 0.045 / 0.05;
    const auto by_hand = [&](double syllable_lost) {
        // As without a mark: the syllable is lost, or a digit, in front of all or behind all, and the
        // syllable is read as that.
        const double digit = kRight + 2 * kWrong;
        const double read = syllable_lost * kRight * kRight + 2 * kLost * kRight * kWrong;
        const double all = kEach * (2 * syllable_lost * digit * digit + 2 * (3 * kLost * 2 * kWrong * digit));
        return read / (read + all - kEach * read);
    };
    const double marked = by_hand(kMarked), lost = by_hand(kLost);
    EXPECT_GT(marked, lost + 0.02);
    EXPECT_NEAR(probability(six_vehicles(), "0가0", U"00", 0.25), lost, 1e-9);
    EXPECT_NEAR(probability(six_vehicles(), "0가0", U"0/0", 0.25), marked, 1e-9);
}

TEST(ByHand, TheTextsOfAReadCountByTheirShares) {
    ReadTexts read = plain(U"0거0");
    read.share = 0.25;
    read.others = {{plain(U"0가0"), 0.75}};
    const double plate = 0.25 * 0.015552 + 0.75 * 0.373248;
    const double others = 0.25 * 0.146916 + 0.75 * 0.027684;
    const auto found = probabilities(hand_scoring(six_vehicles()), {wanted("0가0")}, read);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NEAR(found[0], plate / (plate + others), 1e-9);
    EXPECT_NEAR(found[0], 0.8316, 1e-4);  // of the own text alone 0.096, of the other one 0.93
}

TEST(ByHand, APatternFitsWithTheVehiclesThatItAdmits) {
    const double fits = kEach * (0.373248 + 0.015552), all = kEach * 0.78 * 0.75 * 0.78;
    EXPECT_NEAR(all, 0.1521, 1e-12);
    EXPECT_NEAR(probability(six_vehicles(), "0?0", U"0가0"), fits / all, 1e-9);
}

// --------------------------------------------------------------------- a pass

std::vector<double> pass(const Entries& entries, const std::vector<std::u32string>& reads,
                         double frame_weight) {
    const ScoringTable table = hand_scoring(six_vehicles());
    std::vector<PassRead> pass;
    for (const std::u32string& read : reads) pass.push_back({&table, plain(read)});
    return probabilities(scores_of(entries, reads, 3, [&](const State& state, auto& matches, auto& scores) {
        PassScorer().score(state, pass, frame_weight, {}, matches, scores);
    }));
}

TEST(ByHand, ThreeFramesWithOneMistakeAreOneMistake) {
    const auto joint = [](double p) { return p * p; };  // one more counts half
    const double others =
        kEach * (joint(0.373248) + 4 * joint(0.015552) + 8 * joint(0.000648) + 4 * joint(0.000027));
    const auto found = pass({wanted("0가0")}, {U"0거0", U"0거0", U"0거0"}, 0.5);
    ASSERT_EQ(found.size(), 1u);
    // Less than the 0.096 of one frame.
    EXPECT_NEAR(found[0], joint(0.015552) / (joint(0.015552) + others), 2e-4);
    EXPECT_LT(found[0], 0.01);
}

TEST(ByHand, TwoFramesWithTwoMistakesMakeThePlateThatExplainsBoth) {
    const double none = 0.373248, one = 0.015552, two = 0.000648, three = 0.000027;
    const auto found = pass({wanted("0가0")}, {U"1가0", U"0가1"}, 1);
    ASSERT_EQ(found.size(), 1u);
    // With 가, mistakes in the two frames: 1가1 one and one; 1가0 and 0가1 none and two; 2가0, 2가1, 0가2 and
    // 1가2 one and two; 2가2 two and two. With 거, one more in both frames.
    // The two frames count half each.
    const auto joint = [](double a, double b) { return std::sqrt(a * b); };
    const double others = one + 2 * joint(none, two) + 4 * joint(one, two) + two;
    const double with_the_other = 2 * two + 2 * joint(one, three) + 4 * joint(two, three) + three;
    EXPECT_NEAR(found[0], one / (one + kEach * (others + with_the_other)), 5e-3);
    EXPECT_GT(found[0], 0.3);  // of one frame alone: 0.096
}

}  // namespace
}  // namespace platewatch
