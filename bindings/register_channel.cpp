// The channel model's tables and what is computed with them; fitting and files are Python's.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "checked.hpp"
#include "evidence.hpp"
#include "lease.hpp"
#include "platewatch/probability/channel_model.hpp"
#include "platewatch/probability/marks.hpp"
#include "platewatch/probability/pass.hpp"
#include "platewatch/probability/population.hpp"
#include "platewatch/probability/posterior.hpp"
#include "platewatch/probability/score.hpp"
#include "platewatch/text/pattern.hpp"
#include "register.hpp"
#include "signals.hpp"
#include "text.hpp"

namespace platewatch {
class Examples;
}  // namespace platewatch

PLATEWATCH_CHECKED(platewatch::ChannelTable)
PLATEWATCH_CHECKED(platewatch::Examples)
PLATEWATCH_CHECKED(platewatch::ScoringModel)

namespace platewatch {
namespace {

using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Rates = py::typing::Dict<py::str, py::array_t<double>>;

// Calls visit(name, data, shape) for each array of the rates.
template <class Visit>
void for_each_array(ChannelRates& rates, const Visit& visit) {
    constexpr auto kLevels = static_cast<py::ssize_t>(ChannelRates::kLevels);
    constexpr auto kClasses = static_cast<py::ssize_t>(kSymbolClasses);
    const auto columns = static_cast<py::ssize_t>(rates.inserted.size());
    const auto bins = static_cast<py::ssize_t>(rates.ratio_right.size()) / kLevels;
    using Shape = std::vector<py::ssize_t>;
    visit("level", rates.level.data(), Shape{kLevels});
    visit("one", &rates.one[0][0][0], Shape{kLevels, kClasses, 2});
    visit("deletion", &rates.deletion[0][0][0], Shape{kLevels, kClasses, 2});
    visit("split", &rates.split[0][0][0], Shape{kLevels, kClasses, 2});
    visit("merge", &rates.merge[0][0][0], Shape{kLevels, kClasses, kClasses});
    visit("unmerged", &rates.unmerged[0][0][0], Shape{kLevels, kClasses, kClasses});
    visit("merged_as", &rates.merged_as[0][0][0], Shape{kClasses, kClasses, 3});
    visit("insertion", &rates.insertion[0][0], Shape{kLevels, 2});
    visit("gap", &rates.gap[0][0], Shape{kLevels, 2});
    visit("region_loss", rates.region_loss.data(), Shape{kLevels});
    visit("region_kept", rates.region_kept.data(), Shape{kLevels});
    visit("right", rates.right.data(), Shape{kLevels, columns});
    visit("wrong", rates.wrong.data(), Shape{kLevels, columns});
    visit("confusion", rates.confusion.data(), Shape{columns, columns});
    visit("likeness", rates.likeness.data(), Shape{ChannelRates::kLikenesses});
    visit("inserted", rates.inserted.data(), Shape{columns});
    visit("split_first", rates.split_first.data(), Shape{kClasses, columns});
    visit("split_second", rates.split_second.data(), Shape{kClasses, columns});
    visit("ratio_right", rates.ratio_right.data(), Shape{kLevels, bins});
    visit("ratio_wrong", rates.ratio_wrong.data(), Shape{kLevels, bins});
    visit("ratio_merged", rates.ratio_merged.data(), Shape{kLevels, bins});
    visit("ratio_inserted", rates.ratio_inserted.data(), Shape{kLevels, bins});
    visit("ratio_rank", &rates.ratio_rank[0][0],
          Shape{kClasses, static_cast<py::ssize_t>(ChannelRates::kRanks)});
    visit("ratio_lost", &rates.ratio_lost[0][0],
          Shape{kClasses, static_cast<py::ssize_t>(ChannelRates::kRanks)});
    visit("alternative", rates.alternative.data(), Shape{columns, columns});
    visit("syllable_listed", rates.syllable_listed.data(), Shape{columns});
    visit("ratio_read", rates.ratio_read.data(), Shape{kLevels, bins / kClasses});
    visit("clutter_size", rates.clutter_size.data(), Shape{static_cast<py::ssize_t>(kMaxCharacters)});
    visit("clutter_next", &rates.clutter_next[0][0][0], Shape{kClasses + 1, kClasses + 1, kClasses});
    visit("clutter", rates.clutter.data(), Shape{columns});
}

// What only counts have.
constexpr std::string_view kOfCounts[] = {"gap", "region_kept", "unmerged"};

Rates to_arrays(ChannelRates& rates) {
    Rates arrays;
    for_each_array(rates, [&](const char* name, const double* data, const std::vector<py::ssize_t>& shape) {
        arrays[name] = py::array_t<double>(shape, data);
    });
    return arrays;
}

ChannelRates to_rates(const py::dict& arrays, std::size_t columns, std::size_t bins) {
    ChannelRates rates(columns, bins);
    for_each_array(rates, [&](const char* name, double* data, const std::vector<py::ssize_t>& shape) {
        const bool of_counts = std::ranges::find(kOfCounts, std::string_view(name)) != std::end(kOfCounts);
        if (of_counts) return;
        if (!arrays.contains(name)) throw py::key_error(name);
        const auto array = arrays[name].cast<Doubles>();
        if (!std::equal(shape.begin(), shape.end(), array.shape(), array.shape() + array.ndim()))
            throw py::value_error(std::string(name) + " has not the right shape");
        std::copy_n(array.data(), array.size(), data);
    });
    return rates;
}

ReadEvidence to_evidence(py::handle read) {
    ReadTexts texts;
    texts_of_object(read, texts);
    return texts.own;
}

// Any object: pybind11 quotes all arguments of a call that it refuses, and with a plate of another type the
// read.
std::u32string to_plate(py::handle text) {
    std::u32string plate = to_u32(text);
    if (plate.empty() || plate.size() > kMaxSymbols) throw py::value_error("a plate has 1 to 16 symbols");
    return plate;
}

}  // namespace

// Reads and their plates, taken from Python once: a fit counts the same ones again and again, without the
// GIL.
class Examples {
  public:
    Examples(const py::list& reads, const py::list& plates, std::vector<double> times)
        : times_(std::move(times)) {
        if (reads.size() != plates.size() || (!times_.empty() && times_.size() != reads.size()))
            throw py::value_error("one plate and one weight a read");
        std::unordered_map<const PyObject*, std::size_t> known;  // a read may have several plates
        const AnswersSignals interruptible;
        for (std::size_t i = 0; i < reads.size(); ++i) {
            poll();
            const py::object read = reads[i];
            const auto [place, is_new] = known.emplace(read.ptr(), reads_.size());
            if (is_new) reads_.push_back(to_evidence(read));
            pairs_.emplace_back(place->second, to_plate(plates[i]));
        }
    }

    // Expected counts, into `counts`; returns the sum of log likelihoods.
    double count(const ChannelTable& table, ChannelRates& counts) const {
        double total = 0;
        for (std::size_t i = 0; i < pairs_.size(); ++i) {
            poll();
            const auto& [read, plate] = pairs_[i];
            const double once = times_.empty() ? 1 : times_[i];
            const double p = count_events(ReadView(table, reads_[read]), plate, counts, once);
            if (p > 0) total += once * std::log(p);
        }
        return total;
    }

  private:
    std::vector<ReadEvidence> reads_;
    std::vector<std::pair<std::size_t, std::u32string>> pairs_;
    std::vector<double> times_;
};

namespace {

ReadTexts to_texts(py::handle read) {
    ReadTexts texts;
    texts_of_object(read, texts);
    return texts;
}

std::vector<PassRead> to_pass(const ScoringModel& model, const py::list& reads) {
    std::vector<PassRead> pass;
    for (const py::handle read : reads) {
        texts_of_object(read, pass.emplace_back().texts);
        pass.back().recognised_by(recogniser_of(model, read));
    }
    return pass;
}

using Alternatives = py::typing::List<py::typing::Tuple<py::str, py::float_>>;
using Characters = py::typing::List<
    py::typing::Tuple<py::str, py::typing::Optional<py::float_>, py::typing::Optional<Alternatives>>>;

py::str to_str(char32_t c) { return platewatch::to_str(to_utf8(std::u32string_view(&c, 1))); }

// Characters and marks, as they stand there.
Characters to_characters(const ReadEvidence& read) {
    py::list characters;
    const auto add = [&](const Evidence& e) {
        py::list others;
        for (std::size_t k = 0; k < e.alternative_count; ++k)
            others.append(py::make_tuple(to_str(e.alternatives[k].symbol), e.alternatives[k].p));
        characters.append(py::make_tuple(to_str(e.c), e.p < 0 ? py::object(py::none()) : py::float_(e.p),
                                         e.has_alternatives ? py::object(others) : py::none()));
    };
    for (std::size_t gap = 0; gap <= read.size(); ++gap) {
        if (read.has_mark(gap)) add(read.mark(gap));
        if (gap < read.size()) add(read[gap]);
    }
    return Characters(characters);
}

std::vector<VehicleClass::Position> to_positions(const py::handle& places) {
    std::vector<VehicleClass::Position> positions;
    for (const py::handle symbols : places) {
        VehicleClass::Position& position = positions.emplace_back();
        for (const auto& [text, share] : symbols.cast<py::dict>()) {
            const std::u32string alike = to_u32(text);
            for (const char32_t symbol : alike)
                position.emplace_back(symbol, share.cast<double>() / static_cast<double>(alike.size()));
        }
    }
    return positions;
}

// As Population.document has it (platewatch/probability/population.py).
Population to_population(const py::dict& document) {
    Population population;
    population.clutter = document["clutter"].cast<double>();
    const auto generic = document["generic"].cast<py::dict>();
    population.generic = {generic["density"].cast<double>(), to_u32(generic["symbols"]),
                          generic["least"].cast<std::size_t>(), generic["most"].cast<std::size_t>()};
    for (const py::handle item : document["classes"]) {
        VehicleClass& vehicles = population.classes.emplace_back();
        vehicles.name = item["name"].cast<std::string>();
        vehicles.vehicles = item["vehicles"].cast<double>();
        vehicles.blocks_in_use = item["blocks_in_use"].cast<double>();
        for (const py::handle word : item["words"]) vehicles.words.push_back(to_u32(word));
        vehicles.words_may_be_lost = item["words_may_be_lost"].cast<bool>();
        vehicles.positions = to_positions(item["positions"]);
    }
    for (const py::handle item : generic.contains("forms") ? generic["forms"].cast<py::list>() : py::list()) {
        population.forms.push_back({.name = item["name"].cast<std::string>(),
                                    .vehicles = item["vehicles"].cast<double>(),
                                    .positions = to_positions(item["positions"])});
    }
    return population;
}

using ChannelTables = py::typing::Dict<py::str, ChannelTable>;
using NamedLevels = std::map<std::string, std::map<std::string, std::array<double, ChannelRates::kLevels>>>;

ScoringModel::Tables to_tables(const ChannelTables& named,
                               const std::shared_ptr<const PopulationTrie>& trie) {
    ScoringModel::Tables out;
    for (const auto& [name, table] : named) {
        const auto& channel = table.cast<const ChannelTable&>();
        auto text = name.cast<std::string>();
        const py::gil_scoped_release nogil;  // it takes a while
        out.emplace(std::move(text), std::make_shared<const ScoringTable>(channel, trie));
    }
    return out;
}

ScoringModel::CameraLevels to_levels(const NamedLevels& named) {
    ScoringModel::CameraLevels out;
    for (const auto& [engine, cameras] : named) {
        for (const auto& [camera, level] : cameras)
            out[engine].emplace(camera, Levels::of([&](std::size_t l) { return level[l]; }));
    }
    return out;
}

constexpr const char* kKinds[] = {"right", "wrong",     "deletion",    "split",
                                  "merge", "insertion", "region loss", "mark"};

using Event = py::typing::Tuple<py::str, py::int_, py::int_, py::int_, py::int_, py::float_>;
using Weighed = py::typing::Tuple<py::float_, py::float_, py::float_, py::float_, py::float_>;
using Texts = py::typing::List<py::typing::Tuple<py::str, py::float_>>;
using LevelAndEvents = py::typing::Tuple<py::int_, py::typing::List<Event>>;

}  // namespace

void register_channel(py::module_& m) {
    py::class_<Examples>(m, "Examples", "Reads and their plates, to be counted again and again.")
        .def(py::init([](const py::typing::List<py::object>& reads, const py::typing::List<py::str>& plates,
                         std::vector<double> times) { return Examples(reads, plates, std::move(times)); }),
             py::arg("reads"), py::arg("plates"), py::arg("times") = std::vector<double>(),
             "times: how much each pair counts, 1 if left out. Raises ReadError, and ValueError for what is "
             "no "
             "plate.");
    py::class_<ChannelTable>(m, "ChannelTable",
                             "What is known of one recogniser; platewatch.probability.channel_model fits it.")
        .def(py::init([](const py::str& symbols, std::vector<double> bin_edges, const py::dict& rates) {
                 const std::u32string known = to_u32(symbols);
                 return ChannelTable(
                     {known.begin(), known.end()}, bin_edges,
                     to_rates(rates, known.size() + kSymbolClasses, ChannelTable::bins(bin_edges.size())));
             }),
             py::arg("symbols"), py::arg("bin_edges"), py::arg("rates"),
             "symbols: known ones, ascending. ValueError if shapes do not agree or a rate is out of range.")
        .def(
            "with_level",
            [](const ChannelTable& table, const std::array<double, ChannelRates::kLevels>& level) {
                return table.with_level(level);
            },
            py::arg("level"), "The same table for frames that are of a level so often.")
        .def(
            "ratio_read",
            [](const ChannelTable& table, const py::object& read, std::size_t level) {
                if (level >= ChannelRates::kLevels) throw py::index_error("no such level");
                return table.ratio_read(to_evidence(read), level);
            },
            py::arg("read"), py::arg("level"),
            "What the confidence in a read as a whole says of the level: a likelihood ratio.")
        .def(
            "likeliest_way",
            [](const ChannelTable& table, const py::object& read, const py::object& plate) {
                const ReadEvidence evidence = to_evidence(read);
                const LikeliestWay way = likeliest_way(ReadView(table, evidence), to_plate(plate));
                py::typing::List<Event> events;
                for (const ChannelEvent& e : way.events) {
                    events.append(py::make_tuple(kKinds[static_cast<std::size_t>(e.kind)], e.of_plate,
                                                 e.plate_size, e.of_read, e.read_size, e.log_probability));
                }
                return LevelAndEvents(py::make_tuple(way.level, events));
            },
            py::arg("read"), py::arg("plate"),
            "The likeliest way from plate to read: its noise level, and its events: (what, place in plate, "
            "symbols, place in read, characters, log).")
        .def(
            "count",
            [](const ChannelTable& table, const Examples& examples) {
                ChannelRates counts(table.columns(), table.bins());
                const AnswersSignals interruptible;
                const double total = [&] {
                    const py::gil_scoped_release nogil;
                    return examples.count(table, counts);
                }();
                return py::make_tuple(to_arrays(counts), total);
            },
            py::arg("examples"),
            "Expected counts of what happened, shaped as the rates, and the sum of log likelihoods. The GIL "
            "is "
            "released.");
    py::class_<ScoringModel, std::shared_ptr<ScoringModel>>(
        m, "ScoringModel", "A channel model's tables and the population, ready to score with.")
        .def(py::init([](const ChannelTable& general, const ChannelTables& engines,
                         const ChannelTables& cameras, const NamedLevels& levels, const py::dict& population,
                         double frame_weight) {
                 const auto trie = std::make_shared<const PopulationTrie>(to_population(population));
                 return std::make_shared<ScoringModel>(std::make_shared<const ScoringTable>(general, trie),
                                                       to_tables(engines, trie), to_tables(cameras, trie),
                                                       to_levels(levels), frame_weight);
             }),
             py::arg("general"), py::arg("engines"), py::arg("cameras"), py::arg("levels"),
             py::arg("population"), py::arg("frame_weight"),
             "levels: by engine, or \"\", and camera, how often frames are of a level. ValueError if the "
             "population cannot be one.")
        .def(
            "refined",
            [](const ScoringModel& model, const ChannelTables& engines, const NamedLevels& levels) {
                return std::make_shared<ScoringModel>(model.refined(
                    to_tables(engines, model.general().shared_population()), to_levels(levels)));
            },
            py::arg("engines"), py::arg("levels"),
            "The same with these tables of engines, \"\" for the general one, and these levels of cameras; "
            "the "
            "other tables are shared.")
        .def(
            "log_likelihood",
            [](const ScoringModel& model, const py::object& read, const py::object& plate,
               const py::object& engine, const py::object& camera) {
                const ReadTexts texts = to_texts(read);
                TextsScorer scorer;
                scorer.set_read(model.recogniser(name_view(engine), name_view(camera)), texts);
                return std::log(scorer.likelihood(to_plate(plate)));
            },
            py::arg("read"), py::arg("plate"), py::arg("engine") = "", py::arg("camera") = "",
            "log P(read | plate), with the evidence's likelihood ratios.")
        .def(
            "weigh",
            [](const ScoringModel& model, const py::object& read, const py::object& plate) {
                const std::string listed = to_utf8(to_plate(plate));
                const auto w = MatchScorer().weigh(recogniser_of(model, read), to_texts(read), listed);
                return Weighed(py::make_tuple(std::log(w.likelihood), std::log(w.background),
                                              std::log(w.others), w.probability, w.omitted));
            },
            py::arg("read"), py::arg("plate"),
            "A read and the only plate listed: log P(read | plate), log of the background, log of what of it "
            "is others', the probability, and how probable it is that the list omits the mark read (0: it "
            "has "
            "none that counts).")
        .def(
            "log_posterior_of_pass",
            [](const ScoringModel& model, const py::typing::List<py::object>& reads, const py::object& plate,
               double frame_weight) {
                const std::vector<PassRead> pass = to_pass(model, reads);
                const std::u32string canonical = to_plate(plate);
                const py::gil_scoped_release nogil;
                return std::log(PassScorer().posterior(pass, frame_weight, canonical));
            },
            py::arg("reads"), py::arg("plate"), py::arg("frame_weight"),
            "log P(plate | the reads of one pass), if no plate is listed.")
        .def(
            "likely_plates",
            [](const ScoringModel& model, const py::typing::List<py::object>& reads, double frame_weight,
               double least) {
                const std::vector<PassRead> pass = to_pass(model, reads);
                if (pass.empty()) throw py::value_error("a pass has a read");
                const AnswersSignals interruptible;
                const auto likely = [&] {
                    const py::gil_scoped_release nogil;
                    return PassScorer().likely_plates(pass, frame_weight, least);
                }();
                Texts plates;
                for (const auto& [plate, probability] : likely)
                    plates.append(py::make_tuple(platewatch::to_str(to_utf8(plate)), probability));
                return plates;
            },
            py::arg("reads"), py::arg("frame_weight"), py::arg("least"),
            "(plate, probability) of the plates that the vehicle of one pass may have, if none is listed, "
            "likeliest first, of at least such a probability.")
        .def(
            "registered",
            [](const ScoringModel& model, const py::str& plate) {
                return registered(model.general().population().population(), to_plate(plate));
            },
            py::arg("plate"),
            "How many vehicles have this plate, in expectation, if it lies in a block of numbers in use.")
        .def(
            "admitted_share",
            [](const ScoringModel& model, const py::str& text) {
                const std::u32string points = to_u32(text);
                Pattern pattern;
                const PatternError error = parse_pattern(std::span<const char32_t>(points), pattern);
                if (error != PatternError::none)
                    raise(make_error("PlatewatchError", reason(error), py::arg("field") = "pattern"));
                const Lease<ReadScorer> scorer;
                const ReadEvidence none;
                scorer->set_read(model.recogniser(""), none);
                return scorer->share_of_classes(PatternAutomaton(pattern));
            },
            py::arg("pattern"),
            "The share of the vehicles of the population's classes whose plates a pattern admits, 0 to 1. "
            "Raises "
            "PlatewatchError.");
    m.def(
        "read_evidence", [](const py::object& read) { return to_characters(to_evidence(read)); },
        py::arg("read"),
        "Of a Read or its text, what stood there, with the marks that may say something: (character, "
        "confidence, other symbols and theirs). Raises ReadError.");
    m.def(
        "mark_kind",
        [](const py::str& character) -> py::typing::Optional<py::str> {
            const std::u32string text = to_u32(character);
            if (text.size() != 1 || is_kept(text[0])) return py::none();
            constexpr const char* kNames[] = {"separator", "punctuation", "stray"};
            return py::str(kNames[static_cast<std::size_t>(mark_kind(text[0]))]);
        },
        py::arg("character"), "Of one that normalisation drops: separator, punctuation or stray; else None.");
    m.def(
        "read_texts",
        [](const py::object& read) {
            const ReadTexts texts = to_texts(read);
            Texts out;
            const auto add = [&](const ReadEvidence& text, double share) {
                std::u32string characters;
                for (std::size_t gap = 0; gap <= text.size(); ++gap) {
                    if (text.has_mark(gap)) characters += text.mark(gap).c;
                    if (gap < text.size()) characters += text[gap].c;
                }
                out.append(py::make_tuple(platewatch::to_str(to_utf8(characters)), share));
            };
            add(texts.own, texts.share);
            for (const ReadTexts::Other& other : texts.others) add(other.evidence, other.share);
            return out;
        },
        py::arg("read"),
        "The texts of a Read, its own and then its candidates, as read_evidence has them, and the share of "
        "each. Raises ReadError.");
}

}  // namespace platewatch
