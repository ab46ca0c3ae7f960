// Scores against the channel model as it is defined, and against sums over every plate.
#include "platewatch/probability/score.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "platewatch/text/pattern.hpp"
#include "platewatch/text/pattern_automaton.hpp"
#include "tests/channel.hpp"
#include "tests/population.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

TEST(ReadScorer, LikelihoodIsThatOfTheChannelModel) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    const ScoringTable table = scoring();
    const auto plates = all_plates(small_population());
    ReadScorer scorer;
    for (int round = 0; round < 400; ++round) {
        const ReadEvidence read = random_read(random, below(random, 12));
        scorer.set_read(table, read);
        for (int i = 0; i < 5; ++i) {
            const std::u32string& plate = plates[below(random, plates.size())];
            const double expected = likelihood(ReadView(table.table(), read), plate);
            EXPECT_NEAR(scorer.likelihood(plate), expected, 1e-12 * expected);
        }
    }
}

// A table of which only the levels are others.
ScoringTable with_level(const std::array<double, ChannelRates::kLevels>& level,
                        std::shared_ptr<const PopulationTrie> population) {
    return {small_table().with_level(level), std::move(population)};
}

constexpr std::array<double, ChannelRates::kLevels> kDirty = {0.05, 0.7, 0.15, 0.1};

Levels levels_of(const std::array<double, ChannelRates::kLevels>& level) {
    return Levels::of([&](std::size_t l) { return level[l]; });
}

TEST(ReadScorer, ACamerasLevelsStandInForThoseOfTheTable) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    const ScoringTable table = scoring();
    const ScoringTable as_defined = with_level(kDirty, table.shared_population());
    const Levels dirty = levels_of(kDirty);
    const auto plates = all_plates(small_population());
    Pattern parsed;
    ASSERT_EQ(parse_pattern("1?가*", parsed), PatternError::none);
    const PatternAutomaton pattern(parsed);
    ReadScorer scorer, defined;
    for (int round = 0; round < 200; ++round) {
        const std::u32string& plate = plates[below(random, plates.size())];
        const ReadEvidence read = read_near(random, plate);
        scorer.set_read({table, dirty}, read);
        defined.set_read(as_defined, read);
        const double expected = likelihood(ReadView(as_defined.table(), read), plate);
        EXPECT_NEAR(scorer.likelihood(plate), expected, 1e-12 * expected);
        EXPECT_EQ(scorer.likelihood(plate), defined.likelihood(plate));
        EXPECT_EQ(scorer.background(), defined.background());
        EXPECT_EQ(scorer.fitting(pattern), defined.fitting(pattern));
        EXPECT_EQ(scorer.clutter(), defined.clutter());
        EXPECT_EQ(scorer.any_text(), defined.any_text());
        scorer.set_read(table, read);  // and no longer
        const double usual = likelihood(ReadView(table.table(), read), plate);
        EXPECT_NEAR(scorer.likelihood(plate), usual, 1e-12 * usual);
    }
}

TEST(ScoringModel, ACameraHasItsTableOrElseItsLevelsWithTheTableOfItsEngine) {
    const auto trie = std::make_shared<const PopulationTrie>(small_population());
    const auto general = std::make_shared<const ScoringTable>(small_table(), trie);
    const auto engine = std::make_shared<const ScoringTable>(small_table(), trie);
    const auto camera = std::make_shared<const ScoringTable>(small_table(), trie);
    const Levels dirty = levels_of(kDirty);
    const ScoringModel model(general, {{"ocr", engine}}, {{"own", camera}},
                             {{"", {{"gate", dirty}}}, {"ocr", {{"own", dirty}, {"bridge", dirty}}}}, 0.5);
    const auto expect = [&](std::string_view of, std::string_view at, const auto& table, bool own_levels) {
        const Recogniser found = model.recogniser(of, at);
        EXPECT_EQ(found.table, table.get()) << of << " " << at;
        EXPECT_EQ(found.level != &table->level(), own_levels) << of << " " << at;
        if (own_levels) {
            EXPECT_EQ((*found.level)[0], kDirty[0]);
        }
    };
    expect("ocr", "bridge", engine, true);
    expect("ocr", "own", camera, false);
    expect("ocr", "gate", engine, false);  // known with another table only
    expect("ocr", "", engine, false);
    expect("", "gate", general, true);
    expect("unknown", "gate", general, true);
    expect("", "bridge", general, false);
    EXPECT_TRUE(model.has_cameras());

    const auto finer = std::make_shared<const ScoringTable>(small_table(), trie);
    const ScoringModel refined = model.refined({{"", finer}, {"new", finer}}, {{"new", {{"gate", dirty}}}});
    EXPECT_EQ(refined.recogniser("unknown").table, finer.get());
    EXPECT_EQ(refined.recogniser("new", "gate").table, finer.get());
    EXPECT_EQ((*refined.recogniser("new", "gate").level)[1], kDirty[1]);
    EXPECT_EQ(refined.recogniser("ocr", "bridge").table, engine.get());
    EXPECT_EQ(refined.recogniser("ocr", "bridge").level, &engine->level());
    EXPECT_EQ(refined.frame_weight(), 0.5);
    EXPECT_EQ(model.recogniser("unknown").table, general.get());
}

TEST(ReadScorer, ALikelihoodIsTheSameWhateverWasAskedBefore) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    const ScoringTable table = scoring();
    const auto plates = all_plates(small_population());
    ReadScorer scorer;
    for (int round = 0; round < 100; ++round) {
        const ReadEvidence read = read_near(random, plates[below(random, plates.size())]);
        scorer.set_read(table, read);
        std::u32string plate;
        for (int i = 0; i < 20; ++i) {
            // Of the one before, some symbols from its front on are others, or it is another.
            if (plate.empty() || below(random, 4) == 0) plate = plates[below(random, plates.size())];
            for (std::size_t j = below(random, plate.size() + 1); j-- > 0;)
                plate[j] = U"012가거서울힣"[below(random, 8)];
            ReadScorer fresh;
            fresh.set_read(table, read);
            ASSERT_EQ(scorer.likelihood(plate), fresh.likelihood(plate)) << to_utf8(plate);
            if (below(random, 5) == 0) plate = plate.substr(below(random, plate.size() + 1));
        }
    }
}

TEST(ReadScorer, APlateThatIsReadRightIsAtLeastAsLikely) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    const auto trie = std::make_shared<const PopulationTrie>(small_population());
    const ChannelTable small = small_table();
    ChannelRates rates = small.rates();
    for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
        rates.insertion[l].fill(0);
        rates.region_loss[l] = 0.1;
        for (auto& at : rates.deletion[l]) at.fill(0);
        for (auto& at : rates.split[l]) at.fill(0);
        for (auto& next : rates.merge[l]) next.fill(0);
    }
    const std::vector<char32_t> symbols(small.symbols().begin(), small.symbols().end());
    const ScoringTable usual(small, trie), one_by_one(ChannelTable(symbols, {0.5}, std::move(rates)), trie);
    ReadScorer scorer;
    for (int round = 0; round < 400; ++round) {
        const ReadEvidence read = random_read(random, below(random, 10));
        const std::u32string plate = canonical_text(read);
        scorer.set_read(usual, read);
        EXPECT_LE(scorer.read_right(), scorer.likelihood(plate) * (1 + 1e-12)) << to_utf8(plate);
        if (read.has_marks()) continue;
        scorer.set_read(one_by_one, read);
        const double all = scorer.likelihood(plate);
        EXPECT_NEAR(scorer.read_right(), all, 1e-12 * all) << to_utf8(plate);
    }
    for (const char32_t* plate : {U"서울12거0012", U"12가1012"}) {
        const ReadEvidence read = plain(plate);
        scorer.set_read(one_by_one, read);
        EXPECT_NEAR(scorer.read_right(), scorer.likelihood(plate), 1e-12);
    }
}

TEST(ReadScorer, BackgroundIsTheSumOverEveryPlate) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    for (const bool generic : {false, true}) {
        Population population = small_population();
        if (generic) population.classes.resize(1);
        if (!generic) population.generic = {};
        const ScoringTable table = scoring(population);
        const auto plates = all_plates(population);
        ReadScorer scorer;
        for (int round = 0; round < 200; ++round) {
            const ReadEvidence read = read_near(random, plates[below(random, plates.size())]);
            scorer.set_read(table, read);
            double sum = scorer.clutter();
            for (const std::u32string& plate : plates) {
                // Longer ones are of a class, or are taken for none of what is left so short.
                if (has_letter(plate) && plate.size() > read.size() + 2) continue;
                sum += registered(population, plate) * likelihood(ReadView(table.table(), read), plate);
            }
            // Alignments that stray far are left out on both sides, but not quite the same ones.
            EXPECT_NEAR(scorer.background(), sum, 0.25 * sum + 1e-5)
                << round << ": " << to_utf8(canonical_text(read));
        }
    }
}

// Of forms with letters where a letter was read, of digits only where nothing else was; and not of plates
// that lost more than two symbols.
TEST(ReadScorer, BackgroundHasTheFormsThatTheReadMayBeOf) {
    Population population;
    population.classes = {{"nobody", 0, {}, false, {alike(U"가")}}};
    const auto letter = alike(U"ABC"), digit = alike(U"012");
    population.forms = {
        {"A0", 20, {}, false, {letter, digit}},
        {"A00A", 300, {}, false, {letter, digit, digit, letter}},
        {"00", 5, {}, false, {digit, digit}},
        {"000", 7, {}, false, {digit, digit, digit}},
        {"?0", 11, {}, false, {alike(U"AB01"), digit}},
    };
    const ScoringTable table = scoring(population);
    const auto plates = all_plates(population);
    ReadScorer scorer;
    const auto background = [&](const std::u32string& text) {
        const ReadEvidence read = plain(text);
        scorer.set_read(table, read);
        return scorer.background();
    };
    for (const char32_t* text :
         {U"A0", U"B2", U"A", U"A01B", U"A12", U"AB012", U"0", U"01", U"012", U"0122"}) {
        const ReadEvidence read = plain(text);
        double sum = 0;
        for (const std::u32string& plate : plates) {
            if (plate.size() > read.size() + 2 || (has_letter(plate) && !has_letter(text))) continue;
            double vehicles = registered(population, plate);
            // Without a letter those of `?0` are of a form that is left out, and with one they are not.
            if (has_letter(text) && !has_letter(plate) && plate.size() == 2 && plate[0] < U'2')
                vehicles += 11.0 / 12;
            sum += vehicles * likelihood(ReadView(table.table(), read), plate);
        }
        EXPECT_GT(sum, 0);
        EXPECT_NEAR(background(text), sum, 0.02 * sum) << to_utf8(text);
    }
    EXPECT_EQ(background(U"가"), 0);
    EXPECT_EQ(background(U"0가"), 0);
    for (const std::u32string& plate : plates)
        EXPECT_NEAR(table.registered(plate), registered(population, plate), 1e-12) << to_utf8(plate);
    EXPECT_DOUBLE_EQ(registered(population, U"A0"), 20.0 / 9 + 11.0 / 12);
    EXPECT_DOUBLE_EQ(registered(population, U"00"), 5.0 / 9);
    EXPECT_EQ(registered(population, U"가0"), 0);
}

TEST(PopulationTrie, KeepsTheFormsBehindTheClassesAndThoseWithLettersLast) {
    Population population = small_population();
    population.forms = {{"A0", 20, {}, false, {alike(U"AB"), alike(U"01")}},
                        {"00", 5, {}, false, {alike(U"01"), alike(U"01")}}};
    const PopulationTrie trie(population);
    const auto nodes = trie.nodes();
    ASSERT_LT(trie.generic_begin(), trie.letters_begin());
    ASSERT_LT(trie.letters_begin(), nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        EXPECT_EQ(nodes[i].generic, i >= trie.generic_begin()) << i;
        // The digit behind a letter is that behind a digit.
        EXPECT_EQ(nodes[i].may_have_letter, i >= trie.letters_begin()) << i;
        EXPECT_TRUE(nodes[i].parent == PopulationTrie::kEnd || nodes[i].parent < i) << i;
    }
    population.forms.push_back({"with a word", 1, {U"AB"}, false, {alike(U"01")}});
    EXPECT_THROW(PopulationTrie{population}, std::invalid_argument);
}

// What is left of a region mark looks like a digit in front, or a part of the mark was read behind one, and
// the mark was not lost whole.
TEST(ReadScorer, BackgroundHasPlatesWhoseMarkWasReadAsADigit) {
    Population population = small_population();
    population.generic = {};
    population.clutter = 1e-9;
    population.classes.erase(population.classes.begin(), population.classes.begin() + 2);
    const ScoringTable table = scoring(population);
    const auto plates = all_plates(population);
    ReadScorer scorer;
    int marked = 0;
    for (const std::u32string& of : plates) {
        if (!of.starts_with(U"서울")) continue;
        for (const std::u32string& text :
             {U"0" + of.substr(2), U"0울" + of.substr(4), U"0서" + of.substr(4)}) {
            const ReadEvidence read = plain(text);
            scorer.set_read(table, read);
            double sum = 0;
            for (const std::u32string& plate : plates)
                sum += registered(population, plate) * likelihood(ReadView(table.table(), read), plate);
            EXPECT_NEAR(scorer.background(), sum, 0.02 * sum) << to_utf8(text);
        }
        ++marked;
    }
    EXPECT_EQ(marked, 18);
}

// From the last symbol forward, what plates with such an end come to; a mark that was lost is in front, too.
TEST(ReadScorer, InFrontIsTheSumOverEveryPlateWithThatEnd) {
    Population population = small_population();
    population.generic = {};
    population.classes = {population.classes[2]};
    const ScoringTable table = scoring(population);
    const auto plates = all_plates(population);
    const std::u32string plate = U"서울10거0012";
    ReadScorer scorer;
    for (const char32_t* text : {U"서울10거0012", U"10거0012", U"서10거0012", U"서%1-0%0012"}) {
        const ReadEvidence read = plain(text);
        scorer.set_read(table, read);
        scorer.make_fronts(read.size());
        // What stands behind a place: its row, the one behind that, its symbol and how many have such an end.
        ReadScorer::Row behind, behind_next{};
        scorer.end_row(behind);
        char32_t symbol_behind = 0;
        double vehicles = 1;
        std::uint32_t node = PopulationTrie::kEnd;
        for (std::size_t i = plate.size(); i-- > 1;) {
            for (const std::uint32_t child : table.population().children(node)) {
                const auto& symbols =
                    table.population().sets()[table.population().nodes()[child].set].symbols;
                const auto found =
                    std::ranges::find(symbols, plate[i], &VehicleClass::Position::value_type::first);
                if (found == symbols.end()) continue;
                node = child;
                vehicles *= found->second;
                break;
            }
            ReadScorer::Row row;
            (void)scorer.follow(node, plate[i],
                                {behind, symbol_behind == 0 ? nullptr : &behind_next, symbol_behind}, row);
            double sum = 0;
            for (const std::u32string& other : plates) {
                if (other.ends_with(plate.substr(i)))
                    sum += registered(population, other) * likelihood(ReadView(table.table(), read), other);
            }
            EXPECT_NEAR(vehicles * scorer.in_front(node, row, behind), sum, 0.05 * sum)
                << i << " of " << to_utf8(text);
            behind_next = behind;
            behind = row;
            symbol_behind = plate[i];
        }
    }
}

TEST(ReadScorer, FittingIsTheSumOverWhatAPatternAdmitsOrLacksTheMarkOf) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    Population population = small_population();
    population.generic = {};
    const ScoringTable table = scoring(population);
    const auto plates = all_plates(population);
    ReadScorer scorer;
    for (const char* text : {"1?가*", "*12", "경*거*2", "[12]0[가거]?012", "*", "서울01거1012", "*0*1*",
                             "777", "1?거*", "0?거001?", "?[울기]1?거*", "??거1012"}) {
        Pattern pattern;
        ASSERT_EQ(parse_pattern(std::string_view(text), pattern), PatternError::none);
        for (int round = 0; round < 20; ++round) {
            const ReadEvidence read = read_near(random, plates[below(random, plates.size())]);
            scorer.set_read(table, read);
            double sum = 0, vehicles = 0;
            for (const std::u32string& plate : plates) {
                if (!admits_or_lacks_mark(pattern, plate)) continue;
                vehicles += registered(population, plate);
                sum += registered(population, plate) * likelihood(ReadView(table.table(), read), plate);
            }
            const PatternAutomaton automaton(pattern);
            EXPECT_NEAR(scorer.vehicles(automaton), vehicles, 1e-9 * (1 + vehicles)) << text;
            // The likelihood of one plate leaves out alignments that stray far; they are all that tiny ones
            // have.
            EXPECT_NEAR(scorer.fitting(automaton), sum, 0.05 * sum + 1e-3 * scorer.background() + 1e-8)
                << text;
        }
    }
}

TEST(ScoringTable, RegisteredIsThatOfThePopulation) {
    const Population population = small_population();
    const ScoringTable table = scoring(population);
    for (const std::u32string& plate : all_plates(population))
        EXPECT_NEAR(table.registered(plate), registered(population, plate), 1e-12);
    for (const char32_t* plate :
         {U"", U"9", U"10가", U"서울", U"서경01거02", U"가나다라마바사아자차카타파하거너"})
        EXPECT_EQ(table.registered(plate), 0) << to_utf8(plate);
    EXPECT_DOUBLE_EQ(table.registered(U"10가1012"), 500.0 / (2 * 3 * 2 * 3));
    EXPECT_DOUBLE_EQ(table.registered(U"1힣1012"), 90 * 0.1 / 9);
    EXPECT_DOUBLE_EQ(table.registered(U"서울10거0012"), (40 / 0.25 / 3 + 12 / 0.5 / 2) / (3 * 3 * 2));
    EXPECT_DOUBLE_EQ(table.registered(U"서울00거0012"), 40 / 0.25 / (3 * 3 * 3 * 2));
    EXPECT_DOUBLE_EQ(table.registered(U"ABCA"), 0.001);
}

TEST(PopulationTrie, ClassesThatDifferAtOnePlaceCostAsMuchAsOne) {
    Population population = small_population();
    const std::size_t nodes = PopulationTrie(population).nodes().size();
    VehicleClass more = population.classes[2];
    more.positions[4] = alike(U"12");
    population.classes.push_back(more);  // from the third two classes in another place each
    EXPECT_GT(PopulationTrie(population).nodes().size(), nodes);
    population.classes[population.classes.size() - 1].positions = population.classes[3].positions;
    population.classes.back().positions[0] = alike(U"02");
    EXPECT_EQ(PopulationTrie(population).nodes().size(), nodes);
    // Symbols of another class are read otherwise, so they have a set of their own.
    population.classes.back().positions[0] = alike(U"AB");
    EXPECT_GT(PopulationTrie(population).nodes().size(), nodes);
}

TEST(ScoringTable, APlateOfNoClassHasALetter) {
    Population population = small_population();
    population.generic = {0.05, U"0123A", 4, 5};
    const ScoringTable table = scoring(population);
    for (const auto& [plate, density] : {std::pair(U"3333", 0.0), {U"33A3", 0.05}}) {
        EXPECT_DOUBLE_EQ(registered(population, plate), density);
        EXPECT_DOUBLE_EQ(table.registered(plate), density);
    }
}

}  // namespace
}  // namespace platewatch
