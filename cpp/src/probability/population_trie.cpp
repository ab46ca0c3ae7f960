#include "platewatch/probability/population_trie.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "platewatch/base/raise.hpp"

namespace platewatch {

namespace {

using Position = VehicleClass::Position;

// What stands at a place of either of two classes that weigh so much.
Position mixed(const Position& a, double weight_of_a, const Position& b, double weight_of_b) {
    const double sum = weight_of_a + weight_of_b;
    Position out;
    for (const auto& [symbol, share] : a) out.emplace_back(symbol, share * weight_of_a / sum);
    for (const auto& [symbol, share] : b) {
        const auto known = std::ranges::find(out, symbol, &Position::value_type::first);
        if (known == out.end()) {
            out.emplace_back(symbol, share * weight_of_b / sum);
        } else {
            known->second += share * weight_of_b / sum;
        }
    }
    return out;
}

// Whether the symbols of two positions are all of one class, as those of a set are taken to be.
bool are_alike(const Position& a, const Position& b) {
    if (a.empty() || b.empty()) return false;
    const SymbolClass c = class_of(a.front().first);
    const auto of_class = [&](const auto& item) { return class_of(item.first) == c; };
    return std::ranges::all_of(a, of_class) && std::ranges::all_of(b, of_class);
}

// Classes that differ at one place only are one, and cost the background as much.
std::vector<VehicleClass> joined(const std::vector<VehicleClass>& classes) {
    std::vector<VehicleClass> out;
    for (const VehicleClass& vehicles : classes) {
        const auto like = std::ranges::find_if(out, [&](const VehicleClass& other) {
            if (other.words != vehicles.words || other.words_may_be_lost != vehicles.words_may_be_lost ||
                other.positions.size() != vehicles.positions.size() ||
                !(other.weight() + vehicles.weight() > 0))
                return false;
            std::size_t differ = 0;
            for (std::size_t i = 0; i < vehicles.positions.size(); ++i) {
                if (other.positions[i] == vehicles.positions[i]) continue;
                if (!are_alike(other.positions[i], vehicles.positions[i])) return false;
                ++differ;
            }
            return differ <= 1;
        });
        if (like == out.end()) {
            out.push_back(vehicles);
            continue;
        }
        for (std::size_t i = 0; i < vehicles.positions.size(); ++i) {
            if (like->positions[i] != vehicles.positions[i])
                like->positions[i] =
                    mixed(like->positions[i], like->weight(), vehicles.positions[i], vehicles.weight());
        }
        like->vehicles = like->weight() + vehicles.weight();
        like->blocks_in_use = 1;
    }
    return out;
}

}  // namespace

std::uint64_t PopulationTrie::next_id() noexcept {
    static std::atomic<std::uint64_t> last = 0;
    return ++last;
}

PopulationTrie::PopulationTrie(const Population& population) : population_(population) {
    for (const VehicleClass& vehicles : joined(population.classes)) {
        if (vehicles.positions.empty() || vehicles.positions.size() + 2 > kMaxSymbols)
            raise<std::invalid_argument>("a class of vehicles has 1 to 14 positions");
        const bool has_word = !vehicles.words.empty();
        std::uint32_t at = kEnd;
        for (std::size_t i = vehicles.positions.size(); i-- > 0;)
            at = add({.parent = at, .first = i == 0 && !has_word}, vehicles.positions[i]);
        if (has_word) {
            add_words(at, vehicles);
        } else {
            nodes_[at].starts += vehicles.weight();
        }
    }
    generic_begin_ = nodes_.size();
    add_forms(false);
    const bool generic_has_letters = has_letter(population_.generic.symbols);
    if (!generic_has_letters) add_generic();
    letters_begin_ = nodes_.size();
    add_forms(true);
    if (generic_has_letters) add_generic();
    for (const Set& set : sets_) {
        for (const auto& [symbol, share] : set.symbols) symbols_.push_back(symbol);
    }
    std::ranges::sort(symbols_);
    symbols_.erase(std::ranges::unique(symbols_).begin(), symbols_.end());
    children_.resize(nodes_.size());
    for (std::uint32_t node = 0; node < nodes_.size(); ++node)
        (nodes_[node].parent == kEnd ? roots_ : children_[nodes_[node].parent]).push_back(node);
    weigh_fronts();
}

void PopulationTrie::weigh_fronts() {
    constexpr double kRarest = 8;
    struct Fronts {
        double vehicles = 0, plates = 0;
        double least = std::numeric_limits<double>::infinity();  // that a plate has
    };
    std::vector<Fronts> fronts(nodes_.size());
    for (std::size_t number = nodes_.size(); number-- > 0;) {
        Node& node = nodes_[number];
        Fronts& own = fronts[number];
        if (node.first) own = {node.starts, 1, node.starts};
        // Plates far rarer than the others would make the bound that this is for useless.
        node.front = std::max(own.least, own.vehicles / own.plates / kRarest);
        if (node.parent == kEnd) continue;
        const Set& set = sets_[node.set];
        fronts[node.parent].vehicles += set.weight * own.vehicles;
        fronts[node.parent].plates += static_cast<double>(set.symbols.size()) * own.plates;
        double least = std::numeric_limits<double>::infinity();
        for (const auto& [symbol, share] : set.symbols) least = std::min(least, share);
        fronts[node.parent].least = std::min(fronts[node.parent].least, least * own.least);
    }
}

// Words that end alike share the node of their second symbol, and that of the symbols in front of it.
void PopulationTrie::add_words(std::uint32_t rest, const VehicleClass& vehicles) {
    std::map<char32_t, std::u32string> fronts;  // by the second symbol
    for (const std::u32string& word : vehicles.words) {
        if (word.size() != 2) raise<std::invalid_argument>("a word in front of a plate has two symbols");
        fronts[word[1]] += word[0];
    }
    const double share = vehicles.weight() / static_cast<double>(vehicles.words.size());
    for (const auto& [second, firsts] : fronts) {
        const bool kept = !vehicles.words_may_be_lost;
        const std::uint32_t behind =
            add({.parent = rest, .from_start = 1, .kept_word = kept}, {{second, 1.0}});
        VehicleClass::Position position;
        for (const char32_t first : firsts)
            position.emplace_back(first, 1 / static_cast<double>(firsts.size()));
        const std::uint32_t front =
            add({.parent = behind, .from_start = 0, .first = true, .may_be_lost = !kept, .kept_word = kept},
                position);
        const double starts = share * static_cast<double>(firsts.size());
        nodes_[front].starts += starts;
        if (!kept) nodes_[rest].starts_behind_word += starts;
    }
}

void PopulationTrie::add_forms(bool with_letters) {
    for (const VehicleClass& form : population_.forms) {
        if (std::ranges::any_of(form.positions, may_have_letter) != with_letters) continue;
        if (form.positions.empty() || form.positions.size() > kMaxSymbols || !form.words.empty())
            raise<std::invalid_argument>("a form has 1 to 16 positions, and no word");
        std::uint32_t at = kEnd;
        for (std::size_t i = form.positions.size(); i-- > 0;)
            at = add({.parent = at, .first = i == 0, .generic = true}, form.positions[i]);
        nodes_[at].starts += form.weight();
    }
}

void PopulationTrie::add_generic() {
    const Population::Generic& generic = population_.generic;
    if (generic.density <= 0 || generic.least > generic.most || generic.symbols.empty()) return;
    if (generic.most > kMaxSymbols) raise<std::invalid_argument>("a plate has at most 16 symbols");
    // The density is that of one plate, so each symbol counts whole.
    VehicleClass::Position any;
    for (const char32_t symbol : generic.symbols) any.emplace_back(symbol, 1.0);
    std::uint32_t at = kEnd;
    for (std::size_t length = 1; length <= generic.most; ++length) {
        if (length >= std::max<std::size_t>(generic.least, 1)) {
            const std::uint32_t first = add({.parent = at, .first = true, .generic = true}, any);
            nodes_[first].starts += generic.density;
        }
        if (length < generic.most) at = add({.parent = at, .generic = true}, any);
    }
}

// The node like this one with such a set.
std::uint32_t PopulationTrie::add(Node node, const VehicleClass::Position& position) {
    if (position.empty()) raise<std::invalid_argument>("a position admits no symbol");
    auto set = std::ranges::find(sets_, position, &Set::symbols);
    if (set == sets_.end()) {
        double weight = 0;
        for (const auto& [symbol, share] : position) weight += share;
        sets_.push_back({position, class_of(position.front().first), weight});
        set = std::prev(sets_.end());
    }
    node.set = static_cast<std::uint32_t>(set - sets_.begin());
    node.depth = node.parent == kEnd ? 1 : nodes_[node.parent].depth + 1;
    node.may_have_letter = node.generic && ((node.parent != kEnd && nodes_[node.parent].may_have_letter) ||
                                            may_have_letter(position));
    const auto same = [&](const Node& other) {
        return other.parent == node.parent && other.set == node.set && other.first == node.first &&
               other.from_start == node.from_start && other.may_be_lost == node.may_be_lost &&
               other.generic == node.generic && other.kept_word == node.kept_word;
    };
    const auto found = std::ranges::find_if(nodes_, same);
    if (found != nodes_.end()) return static_cast<std::uint32_t>(found - nodes_.begin());
    nodes_.push_back(node);
    return static_cast<std::uint32_t>(nodes_.size() - 1);
}

}  // namespace platewatch
