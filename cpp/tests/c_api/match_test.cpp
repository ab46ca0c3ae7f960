// Lists, matchers and sessions of the C API.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "platewatch/probability/pass.hpp"
#include "tests/c_api/bundles.hpp"

namespace platewatch {
namespace {

class CMatching : public testing::Test {
  protected:
    Folder folder;
    std::string bytes = snapshot(folder);
    ListHandle list = open_list(folder / "list.snapshot");
    MatcherHandle matcher = make_matcher(list.get());
    SessionHandle session = make_session(matcher);

    std::vector<Said> match(const pw_read& read, const pw_options* options = nullptr) {
        pw_matches matches;
        EXPECT_EQ(pw_match_read(session.get(), &read, options, &matches), PW_OK) << pw_last_error();
        return said(matches);
    }
    pw_status status(const pw_read& read, const pw_options* options = nullptr) {
        pw_matches matches;
        return pw_match_read(session.get(), &read, options, &matches);
    }
    void swap_in(Entries entries) {
        snapshot(folder, std::move(entries));
        ASSERT_EQ(pw_matcher_swap(matcher.get(), open_list(folder / "list.snapshot").get()), PW_OK);
    }
};

std::vector<std::string> ids(const std::vector<Said>& matches) {
    std::vector<std::string> out;
    for (const Said& match : matches) out.push_back(match.id);
    return out;
}

using Ids = std::vector<std::string>;

TEST_F(CMatching, ToldOfTheListAndTheLibrary) {
    EXPECT_EQ(pw_abi_version(), std::uint32_t{PW_ABI_VERSION});
    EXPECT_FALSE(std::string(pw_version()).empty());
    pw_list_info info = PW_LIST_INFO_INIT;
    ASSERT_EQ(pw_list_get_info(list.get(), &info), PW_OK);
    EXPECT_EQ(info.entries, 6u);
    EXPECT_EQ(info.max_edits, 2u);
    EXPECT_EQ(info.has_model, 1u);
    EXPECT_EQ(info.has_policy, 1u);
    EXPECT_EQ(pw_list_verify(list.get()), PW_OK);
}

// What the core makes of the same entries and the same model, which have been through a file here, to the
// last bit.
TEST_F(CMatching, AnswersAsTheCoreDoes) {
    const ScoringModel model = small_model();
    const Policy policy = small_policy();
    const LiveIndex live{Index(small_entries())};
    const auto state = live.state();
    MatchScorer scorer;
    Index::Workspace workspace;
    Random random(20261128);
    const auto plates = all_plates(small_population());
    int scored = 0;
    for (int round = 0; round < 400; ++round) {
        std::u32string text = plates[below(random, plates.size())];
        if (round % 3 == 0) text = U"10가0012";
        text[below(random, text.size())] = U"0124가거%"[below(random, 7)];
        const std::string utf8 = to_utf8(text);
        const std::string engine = round % 2 == 0 ? "engine" : "other",
                          camera = round % 5 == 0 ? "camera" : "far";
        pw_read read = read_of(utf8);
        read.engine = engine.c_str(), read.camera = camera.c_str();
        read.confidence = round % 4 == 0 ? PW_NONE : static_cast<double>(round % 100) / 100;
        Symbols canonical;
        if (normalize(utf8, TextKind::read, canonical) != TextError::none) continue;
        ReadTexts texts;
        evidence_of(std::span<const char32_t>(text), canonical.view(), texts.own);
        if (read.confidence >= 0) texts.own.set_confidence(static_cast<float>(read.confidence));
        std::vector<Match> found;
        std::vector<Score> scores;
        const Query query{0, 150, canonical};
        state->search(std::span(&query, 1), 2, workspace, found);
        scorer.score(*state, model.recogniser(engine, camera), texts, {}, found, scores);
        std::vector<Said> expected;
        for (std::size_t i = 0; i < found.size(); ++i) {
            const std::uint32_t n = found[i].entry;
            const bool is_pattern = state->is_pattern(n);
            const Grade grade =
                policy.grade(state->category(n), found[i].edits, scores[i].probability, is_pattern);
            expected.push_back({0, std::string(state->id(n)), std::string(state->plate(n)),
                                std::string(state->category(n)), found[i].edits,
                                static_cast<std::uint32_t>(grade), is_pattern ? 1U : 0U,
                                scores[i].log_likelihood, scores[i].probability});
        }
        ASSERT_EQ(match(read), expected) << utf8;
        scored += static_cast<int>(expected.size());
    }
    EXPECT_GT(scored, 300);
}

TEST_F(CMatching, TakesCharactersAlternativesAndCandidates) {
    swap_in({wanted("10가0012"), wanted("10거0022")});
    const std::string text = "10거0012";
    pw_read read = read_of(text);
    EXPECT_EQ(match(read)[0].edits, 1u);
    const double without = match(read)[0].probability;

    const pw_alternative others[] = {{"가", 3, 0, 0.4}};
    const char* symbols[] = {"1", "0", "거", "0", "0", "1", "2"};
    pw_character characters[7];
    for (std::uint32_t i = 0; i < 7; ++i)
        characters[i] = {symbols[i], static_cast<std::uint32_t>(std::string(symbols[i]).size()), 0, nullptr,
                         0.9};
    characters[2].alternatives = others;
    characters[2].alternative_count = 1;
    read.characters = characters;
    read.character_count = 7;
    EXPECT_NE(match(read)[0].probability, without);
    EXPECT_EQ(match(read)[0].edits, 1u);
    pw_options options = PW_OPTIONS_INIT;
    options.flags = PW_ALTERNATIVES;
    for (const Said& found : match(read, &options)) {
        if (found.id == "10가0012") {
            EXPECT_EQ(found.edits, 0u);
        }
    }
    // Those that do not line up are as if they were not there.
    read.character_count = 5;
    EXPECT_EQ(match(read)[0].probability, without);

    read.characters = nullptr;
    read.character_count = 0;
    const pw_candidate candidate = {"10가0012", 9, 0, 0.3};
    read.candidates = &candidate;
    read.candidate_count = 1;
    const auto found = match(read, &options);
    EXPECT_NE(found[0].probability, without);
    EXPECT_EQ(found.size(), 2u);
}

TEST_F(CMatching, OptionsSayWhatIsTold) {
    const std::string text = "10가0112";
    const pw_read read = read_of(text);
    const auto all = match(read);
    ASSERT_GE(all.size(), 2u);
    pw_options options = PW_OPTIONS_INIT;
    options.max_edits = 0;
    EXPECT_TRUE(match(read, &options).empty());
    options = PW_OPTIONS_INIT;
    options.min_probability = std::nextafter(all[0].probability, 1);
    EXPECT_TRUE(match(read, &options).empty());
    options.min_probability = all[0].probability;
    EXPECT_EQ(match(read, &options).size(), 1u);
    options = PW_OPTIONS_INIT;
    options.flags = PW_NO_SCORES;
    const auto plain = match(read, &options);
    EXPECT_EQ(plain.size(), all.size());
    EXPECT_TRUE(std::isnan(plain[0].probability));
    options = PW_OPTIONS_INIT;
    options.flags = PW_HITS_ONLY;
    std::vector<Said> hits;
    for (const Said& match : all) {
        if (match.grade != PW_NO_HIT) hits.push_back(match);
    }
    EXPECT_EQ(match(read, &options), hits);
}

TEST_F(CMatching, EntriesAreValidAtTheReadsTime) {
    const std::string text = "121212121212";
    pw_read read = read_of(text);
    EXPECT_EQ(match(read).size(), 1u);
    read.time = 200;
    EXPECT_TRUE(match(read).empty());
    read.time = PW_NOW;
    EXPECT_TRUE(match(read).empty());
    pw_options options = PW_OPTIONS_INIT;
    options.time = 100;
    EXPECT_EQ(match(read, &options).size(), 1u);
}

TEST_F(CMatching, ABatchIsItsReads) {
    Random random(7);
    const auto plates = all_plates(small_population());
    std::vector<std::string> texts;
    for (int i = 0; i < 200; ++i)
        texts.push_back(i % 17 == 3 ? "" : to_utf8(plates[below(random, plates.size())]));
    texts[20] = texts[80] = "10가0012";
    std::vector<pw_read> reads;
    for (const std::string& text : texts) reads.push_back(read_of(text));
    std::vector<Said> expected;
    std::uint32_t refused = 0;
    for (std::uint32_t i = 0; i < reads.size(); ++i) {
        if (texts[i].empty()) {
            EXPECT_EQ(status(reads[i]), PW_ERROR_TEXT);
            ++refused;
            continue;
        }
        for (Said one : match(reads[i])) {
            one.read = i;
            expected.push_back(one);
        }
    }
    pw_matches matches;
    ASSERT_EQ(pw_match_batch(session.get(), reads.data(), 200, nullptr, &matches), PW_OK) << pw_last_error();
    EXPECT_EQ(said(matches), expected);
    EXPECT_GT(matches.count, 4u);
    ASSERT_EQ(matches.refused_count, refused);
    EXPECT_EQ(matches.refused[0].read, 3u);
    EXPECT_EQ(matches.refused[0].why, PW_ERROR_TEXT);
    ASSERT_EQ(pw_match_batch(session.get(), nullptr, 0, nullptr, &matches), PW_OK);
    EXPECT_EQ(matches.count, 0u);
}

TEST_F(CMatching, APassIsOneBodyOfEvidence) {
    const std::string one = "10가0112", other = "10가0002";
    const pw_read reads[] = {read_of(one), read_of(other)};
    pw_matches matches;
    ASSERT_EQ(pw_match_pass(session.get(), reads, 2, nullptr, &matches), PW_OK) << pw_last_error();
    const auto together = said(matches);

    const ScoringModel model = small_model();
    std::vector<PassRead> pass;
    std::vector<std::uint64_t> words;
    for (const std::u32string_view text : {U"10가0112", U"10가0002"}) {
        pass.emplace_back().texts = ReadTexts(plain(text));
        pass.back().recognised_by(model.recogniser(""));
    }
    const Scores expected =
        scores_of(small_entries(), {U"10가0112", U"10가0002"}, 2,
                  [&](const State& state, std::vector<Match>& found, std::vector<Score>& scores) {
                      order_matches(found, 0, words);
                      PassScorer().score(state, pass, model.frame_weight(), {}, found, scores);
                  });
    ASSERT_EQ(together.size(), expected.size());
    for (std::size_t i = 0; i < together.size(); ++i) {
        EXPECT_EQ(together[i].id, expected[i].first);
        EXPECT_EQ(together[i].probability, expected[i].second.probability);
    }
    ASSERT_EQ(pw_match_pass(session.get(), reads, 1, nullptr, &matches), PW_OK);
    EXPECT_EQ(said(matches), match(reads[0]));
    EXPECT_EQ(pw_match_pass(session.get(), reads, 65, nullptr, &matches), PW_ERROR_ARGUMENT);
}

TEST_F(CMatching, ExplainsByTheNumbersAndTheWay) {
    const std::string text = "10거0012";
    const pw_read read = read_of(text);
    pw_explanation why;
    ASSERT_EQ(pw_explain(session.get(), &read, "10가0012", &why), PW_OK) << pw_last_error();
    const auto model = small_model();
    const auto weighed = MatchScorer().weigh(model.recogniser(""), ReadTexts(plain(U"10거0012")), "10가0012");
    EXPECT_EQ(why.probability, weighed.probability);
    EXPECT_EQ(why.log_likelihood, std::log(weighed.likelihood));
    EXPECT_EQ(why.log_background, std::log(weighed.background));
    EXPECT_EQ(why.log_others, std::log(weighed.others));
    ASSERT_EQ(why.event_count, 7u);
    for (std::uint32_t i = 0; i < 7; ++i) {
        EXPECT_EQ(why.events[i].kind, i == 2 ? std::uint32_t{PW_WRONG} : std::uint32_t{PW_RIGHT});
        EXPECT_EQ(why.events[i].plate_first, i);
        EXPECT_LT(why.events[i].log_probability, 0);
    }
    EXPECT_EQ(pw_explain(session.get(), &read, "10?0012", &why), PW_ERROR_TEXT);
    EXPECT_EQ(pw_explain(session.get(), &read, "", &why), PW_ERROR_TEXT);
}

TEST_F(CMatching, TheOverlayAddsReplacesAndRemoves) {
    const std::string text = "22거2222";
    const pw_read read = read_of(text);
    EXPECT_TRUE(match(read).empty());
    pw_entry entry = PW_ENTRY_INIT;
    entry.id = "new", entry.plate = "22 거-2222", entry.category = "stolen";
    ASSERT_EQ(pw_matcher_add(matcher.get(), &entry, 1), PW_OK) << pw_last_error();
    ASSERT_EQ(ids(match(read)), Ids{"new"});
    EXPECT_EQ(match(read)[0].plate, "22거2222");
    EXPECT_EQ(match(read)[0].category, "stolen");
    pw_list_info info = PW_LIST_INFO_INIT;
    ASSERT_EQ(pw_matcher_get_info(matcher.get(), &info), PW_OK);
    EXPECT_EQ(info.entries, 7u);
    entry.flags = PW_ENTRY_EXACT;
    ASSERT_EQ(pw_matcher_add(matcher.get(), &entry, 1), PW_OK);
    const std::string near = "22거2221";
    EXPECT_TRUE(match(read_of(near)).empty());
    std::uint32_t removed = 9;
    ASSERT_EQ(pw_matcher_remove(matcher.get(), "new", &removed), PW_OK);
    EXPECT_EQ(removed, 1u);
    EXPECT_TRUE(match(read).empty());
    ASSERT_EQ(pw_matcher_remove(matcher.get(), "new", &removed), PW_OK);
    EXPECT_EQ(removed, 0u);

    const auto refused = [&](const char* id, const char* plate, double weight) {
        pw_entry two[2] = {PW_ENTRY_INIT, PW_ENTRY_INIT};
        two[0].id = "fine", two[0].plate = "22거2222";
        two[1].id = id, two[1].plate = plate, two[1].weight = weight;
        EXPECT_EQ(pw_matcher_add(matcher.get(), two, 2), PW_ERROR_ENTRY);
        EXPECT_TRUE(match(read).empty());
        return std::string(pw_last_error());
    };
    EXPECT_EQ(refused("", "1", 1), "entry 1: it has no id");
    EXPECT_EQ(refused(nullptr, "1", 1), "entry 1: its id is not UTF-8");
    EXPECT_EQ(refused("\xFF", "1", 1), "entry 1: its id is not UTF-8");
    EXPECT_NE(refused("b", "", 1).find("entry 1: "), std::string::npos);
    EXPECT_NE(refused("b", "[", 1).find("entry 1: "), std::string::npos);
    EXPECT_EQ(refused("b", "1", 0), "entry 1: its weight is not above 0");
    EXPECT_EQ(refused("b", "1", std::nan("")), "entry 1: its weight is not above 0");
    EXPECT_NE(refused("fine", "1", 1).find("twice"), std::string::npos);
}

// A list is swapped under sessions on other threads, each of whose answers is one list's or the other's.
TEST_F(CMatching, ListsAreSwappedUnderRunningReaders) {
    Folder second;
    snapshot(second, {wanted("10거0012"), wanted("22거2222")});
    const ListHandle other = open_list(second / "list.snapshot");
    const std::string text = "10거0012";
    const pw_read read = read_of(text);
    const auto first_answer = match(read);
    const MatcherHandle with_other = make_matcher(other.get());
    const SessionHandle in_other = make_session(with_other);
    pw_matches matches;
    ASSERT_EQ(pw_match_read(in_other.get(), &read, nullptr, &matches), PW_OK);
    const auto second_answer = said(matches);
    ASSERT_NE(first_answer, second_answer);

    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0, firsts = 0, seconds = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&] {
            const SessionHandle mine = make_session(matcher);
            while (!stop) {
                pw_matches found;
                if (pw_match_read(mine.get(), &read, nullptr, &found) != PW_OK) ++wrong;
                const auto answer = said(found);
                if (answer == first_answer) {
                    ++firsts;
                } else if (answer == second_answer) {
                    ++seconds;
                } else {
                    ++wrong;
                }
            }
        });
    }
    for (int i = 0; i < 200 || firsts < 50 || seconds < 50; ++i)
        ASSERT_EQ(pw_matcher_swap(matcher.get(), i % 2 == 0 ? other.get() : list.get()), PW_OK);
    stop = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(wrong, 0);
}

TEST_F(CMatching, OutlivesTheListThatItIsOf) {
    list.reset();
    const std::string text = "10가0012";
    EXPECT_EQ(match(read_of(text))[0].id, "10가0012");
}

TEST_F(CMatching, ListsLieInMemoryToo) {
    const FileBytes memory = FileBytes::room(bytes.size() + 1);
    std::memcpy(memory.writable().data(), bytes.data(), bytes.size());
    pw_list* mapped = nullptr;
    ASSERT_EQ(pw_list_map(memory.bytes.get(), bytes.size(), nullptr, &mapped), PW_OK) << pw_last_error();
    const ListHandle of(mapped);
    EXPECT_EQ(pw_list_verify(mapped), PW_OK);
    const MatcherHandle in = make_matcher(mapped);
    const SessionHandle with = make_session(in);
    const std::string text = "10가0112";
    const pw_read read = read_of(text);
    pw_matches matches;
    ASSERT_EQ(pw_match_read(with.get(), &read, nullptr, &matches), PW_OK);
    EXPECT_EQ(said(matches), match(read));
    EXPECT_EQ(pw_list_map(memory.bytes.get() + 1, bytes.size(), nullptr, &mapped), PW_ERROR_ARGUMENT);
    EXPECT_EQ(mapped, nullptr);
}

TEST_F(CMatching, AListWithoutAModelHasEdits) {
    Index({small_entries()}).save(folder / "plain.snapshot", 1);
    const ListHandle plain_list = open_list(folder / "plain.snapshot");
    ASSERT_EQ(pw_matcher_swap(matcher.get(), plain_list.get()), PW_OK);
    const std::string text = "10가0012";
    const pw_read read = read_of(text);
    EXPECT_EQ(status(read), PW_ERROR_NO_MODEL);
    pw_explanation why;
    EXPECT_EQ(pw_explain(session.get(), &read, "10가0012", &why), PW_ERROR_NO_MODEL);
    pw_options options = PW_OPTIONS_INIT;
    options.flags = PW_NO_SCORES;
    EXPECT_EQ(match(read, &options)[0].edits, 0u);
    EXPECT_EQ(match(read, &options)[0].grade, std::uint32_t{PW_NO_HIT});
    options.flags = PW_NO_SCORES | PW_HITS_ONLY;
    EXPECT_EQ(status(read, &options), PW_ERROR_ARGUMENT);
}

TEST(CList, WithoutOneNothingMatches) {
    const MatcherHandle matcher = make_matcher(nullptr);
    const SessionHandle session = make_session(matcher);
    const std::string text = "10가0012";
    const pw_read read = read_of(text);
    pw_options options = PW_OPTIONS_INIT;
    options.flags = PW_NO_SCORES;
    pw_matches matches;
    ASSERT_EQ(pw_match_read(session.get(), &read, &options, &matches), PW_OK) << pw_last_error();
    EXPECT_EQ(matches.count, 0u);
}

}  // namespace
}  // namespace platewatch
