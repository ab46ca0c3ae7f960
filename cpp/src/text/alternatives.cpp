#include "platewatch/text/alternatives.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "platewatch/text/normalize.hpp"
#include "platewatch/text/white_space.hpp"

namespace platewatch {
namespace {

// The canonical form, which may hold no symbol; nullopt for what is no text or too long.
std::optional<Symbols> canonical(std::u32string_view text) noexcept {
    Symbols out;
    switch (normalize(std::span<const char32_t>(text), TextKind::read, out)) {
        case TextError::none:
            return out;
        case TextError::empty:
            return Symbols{};
        default:
            return std::nullopt;
    }
}

// Two options of one identity make the same texts. That is the canonical form, but what has none stands for
// itself outside ASCII: a mark by itself is nothing, yet it changes the letter in front of it.
std::optional<Symbols> identity_of(std::u32string_view text) noexcept {
    if (text.size() > kMaxSymbols) return std::nullopt;
    const std::optional<Symbols> form = canonical(text);
    const bool ascii = std::ranges::all_of(text, [](char32_t c) { return c < 0x80; });
    return form && form->empty() && !ascii ? Symbols(text) : form;
}

}  // namespace

void add_text(std::vector<ReadText>& texts, const Symbols& text, double probability) {
    const auto same = std::ranges::find(texts, text, &ReadText::text);
    if (same == texts.end()) {
        texts.push_back({text, probability});
    } else {
        same->probability = std::max(same->probability, probability);
    }
}

Alternatives::PoolText Alternatives::keep(std::u32string_view text) {
    pool_ += text;
    return {pool_.size() - text.size(), text.size()};
}

std::u32string_view Alternatives::view(PoolText text) const noexcept {
    return std::u32string_view(pool_).substr(text.begin, text.size);
}

void Alternatives::clear() noexcept {
    pool_.clear();
    characters_.clear();
    options_.clear();
    off_scale_ = false;
}

void Alternatives::add(std::u32string_view c, std::optional<double> p) {
    if (p && *p > kMaxProbability) off_scale_ = true;
    if (p && !(*p >= 0)) p.reset();  // NaN too
    if (p) p = std::min(*p, 1.0);
    characters_.push_back({keep(c), identity_of(c), p, options_.size()});
}

void Alternatives::add_alternative(std::u32string_view text, double p) {
    if (p > kMaxProbability) off_scale_ = true;
    if (!(p >= kMinPathProbability)) return;  // NaN too
    p = std::min(p, 1.0);
    const std::optional<Symbols> identity = identity_of(text);
    if (!identity) return;
    Character& character = characters_.back();
    if (identity == character.identity) {
        character.p = std::max(character.p.value_or(0), p);
        return;
    }
    const auto begin = options_.begin() + static_cast<std::ptrdiff_t>(character.options);
    if (const auto same = std::find_if(begin, options_.end(),
                                       [&](const Option& option) { return option.identity == *identity; });
        same != options_.end()) {
        if (same->p >= p) return;
        options_.erase(same);
    }
    const auto at = std::find_if(begin, options_.end(), [&](const Option& option) { return option.p < p; });
    options_.insert(at, {*identity, keep(text), p});
    // What has as many likelier ones beside it is on none of the likeliest paths.
    if (options_.size() - character.options > kMaxPaths) options_.pop_back();
}

bool Alternatives::lines_up(std::u32string_view raw) const noexcept {
    if (off_scale_ || raw.size() > kMaxRawLength) return false;
    auto character = characters_.begin();
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (is_white_space(raw[i])) continue;
        if (character == characters_.end()) return false;
        const std::optional<Symbols> form = canonical(view(character->c));
        if (!form || form != canonical(raw.substr(i, 1))) return false;
        ++character;
    }
    return character == characters_.end();
}

// Fills choices_ and returns the probability of the read's own.
double Alternatives::list_choices(std::size_t number, std::u32string_view own) {
    const Character& character = characters_[number];
    const std::size_t end =
        number + 1 < characters_.size() ? characters_[number + 1].options : options_.size();
    choices_.clear();
    double rest = 1;
    for (std::size_t i = character.options; i < end; ++i) {
        choices_.push_back({view(options_[i].text), options_[i].p});
        rest -= options_[i].p;
    }
    const double p = character.p.value_or(std::max(rest, kMinPathProbability));
    choices_.insert(std::ranges::find_if(choices_, [&](const Choice& choice) { return choice.p <= p; }),
                    {own, p});
    return p;
}

// Leaves kMaxPaths of the paths from `begin` on, in their order; of equals the first ones.
void Alternatives::keep_likeliest(std::size_t begin) {
    if (paths_.size() - begin <= kMaxPaths) return;
    probabilities_.clear();
    for (std::size_t i = begin; i < paths_.size(); ++i) probabilities_.push_back(paths_[i].p);
    const auto last = probabilities_.begin() + (kMaxPaths - 1);
    std::ranges::nth_element(probabilities_, last, std::greater{});
    const double least = *last;
    auto equals = 1 + std::count(probabilities_.begin(), last, least);
    std::size_t kept = begin;
    for (std::size_t i = begin; i < paths_.size(); ++i) {
        if (paths_[i].p > least || (paths_[i].p == least && equals-- > 0)) paths_[kept++] = paths_[i];
    }
    paths_.resize(kept);
}

// Writes to text_ the raw text with the choices of a path.
void Alternatives::write_text(std::u32string_view raw, std::size_t path) {
    std::array<std::u32string_view, kMaxRawLength> choices;
    for (std::size_t i = characters_.size(); i-- > 0; path = paths_[path].parent) {
        choices[i] = paths_[path].choice;
    }
    text_.clear();
    auto choice = choices.begin();
    for (const char32_t c : raw) {
        if (is_white_space(c)) {
            text_ += c;  // stays, as it parts a letter from a mark
        } else {
            text_ += *choice++;
        }
    }
}

bool Alternatives::expand(std::u32string_view raw, std::vector<ReadText>& out) {
    out.clear();
    Symbols own;
    if (normalize(std::span<const char32_t>(raw), TextKind::read, own) != TextError::none) return false;
    out.push_back({own, 1.0});
    if (!lines_up(raw)) return false;

    // Longer by one choice each turn. No other path can come from those that are dropped: whatever prolongs
    // one of them is outdone by kMaxPaths others, prolonged alike.
    double own_p = 1;
    std::size_t begin = 0, number = 0;
    paths_.assign(1, {1.0, 0, {}});
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (is_white_space(raw[i])) continue;
        own_p *= list_choices(number++, raw.substr(i, 1));
        const std::size_t end = paths_.size();
        for (std::size_t parent = begin; parent < end; ++parent) {
            for (const Choice& choice : choices_) {
                const double p = paths_[parent].p * choice.p;
                if (p < kMinPathProbability) break;
                paths_.push_back({p, parent, choice.text});
            }
        }
        begin = end;
        keep_likeliest(begin);
    }
    out.front().probability = own_p;

    std::array<std::size_t, kMaxPaths> order{};
    const std::size_t count = paths_.size() - begin;
    for (std::size_t i = 0; i < count; ++i) order[i] = begin + i;
    std::sort(order.begin(), order.begin() + count, [&](std::size_t a, std::size_t b) {
        return paths_[a].p != paths_[b].p ? paths_[a].p > paths_[b].p : a < b;
    });
    for (std::size_t i = 0; i < count; ++i) {
        write_text(raw, order[i]);
        Symbols text;
        if (normalize(std::span<const char32_t>(text_), TextKind::read, text) == TextError::none) {
            add_text(out, text, paths_[order[i]].p);
        }
    }
    return true;
}

}  // namespace platewatch
