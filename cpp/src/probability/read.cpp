#include "platewatch/probability/read.hpp"

#include <algorithm>
#include <optional>

#include "platewatch/probability/marks.hpp"
#include "text/utf8.hpp"

namespace platewatch {
namespace {

// What one share of a whole is at the least, if it is percent.
constexpr double kLeastPercent = 2, kHundredPercent = 100;
constexpr std::size_t kMostBytes =
    4 * kMaxRawLength;  // of a raw text; longer ones are taken as their symbols

[[nodiscard]] bool is_percent(double p) noexcept { return p >= kLeastPercent && p <= kHundredPercent; }
[[nodiscard]] bool is_share(double p) noexcept { return p >= 0 && p <= kMaxProbability; }

// Of the characters' probabilities: all are percent if one must be.
[[nodiscard]] double whole_of(std::span<const RawRead::Character> characters) noexcept {
    const auto says_percent = [](const RawRead::Character& character) {
        return is_percent(character.p) ||
               std::ranges::any_of(character.alternatives, is_percent, &RawRead::Alternative::p);
    };
    return std::ranges::any_of(characters, says_percent) ? kHundredPercent : 1;
}

// What the recogniser believes of the whole plate; negative if it says nothing that can be that.
[[nodiscard]] double confidence_of(const RawRead& read) noexcept {
    const double p = is_percent(read.confidence) ? read.confidence / kHundredPercent : read.confidence;
    return is_share(p) ? p : -1;
}

// Stable, and without the room that std::stable_sort asks for: there are few.
template <class Item, class Key>
void sort_descending(std::vector<Item>& items, Key key) {
    for (auto item = items.begin(); item != items.end(); ++item) {
        const auto place = std::upper_bound(items.begin(), item, *item,
                                            [&](const Item& a, const Item& b) { return a.*key > b.*key; });
        std::rotate(place, item, item + 1);
    }
}

}  // namespace

bool ReadMaker::decode(std::string_view utf8) {
    code_points_.clear();
    return decode_utf8(utf8, [this](char32_t c) { code_points_ += c; });
}

TextError ReadMaker::make(const RawRead& read, Symbols& canonical, ReadTexts* out) {
    const TextError error = normalize(read.text, TextKind::read, canonical);
    if (error != TextError::none || out == nullptr) return error;
    make_own(read, canonical, out->own);
    make_shares(read, canonical, *out);
    return TextError::none;
}

void ReadMaker::make_own(const RawRead& read, const Symbols& canonical, ReadEvidence& out) {
    lined_up_ = read.characters.empty();
    if (read.text.size() > kMostBytes) return out.assign(canonical.view());
    const bool from_characters = !lined_up_ && make_characters(read, canonical, out);
    if (from_characters) {
        lined_up_ = true;
    } else {
        static_cast<void>(decode(read.text));  // as it has a canonical form
        evidence_of(std::span<const char32_t>(code_points_), canonical.view(), out);
    }
    // Beside candidates it is the own text's share.
    const double confidence = confidence_of(read);
    if (read.candidates.empty() && confidence >= 0) out.set_confidence(static_cast<float>(confidence));
}

bool ReadMaker::make_characters(const RawRead& read, const Symbols& canonical, ReadEvidence& out) {
    const auto whole = static_cast<float>(whole_of(read.characters));
    out.clear();
    for (const RawRead::Character& character : read.characters) {
        if (!decode(character.c)) return false;
        const std::span<const char32_t> text(code_points_);
        Evidence evidence{.c = character_of(text)};
        if (evidence.c == 0) {
            // White space, what nobody sees, or what cannot stand alone.
            if (text.size() == 1 || (!text.empty() && std::ranges::all_of(text, is_invisible))) continue;
            return false;
        }
        if (!make_character(character, whole, evidence)) return false;
        if (!is_kept(evidence.c)) {
            out.push_mark(evidence);
        } else if (out.size() == canonical.size() || canonical.view()[out.size()] != evidence.c) {
            return false;
        } else {
            out.push_back(evidence);
        }
    }
    return out.size() == canonical.size();
}

// False for probabilities that are none.
bool ReadMaker::make_character(const RawRead::Character& character, float whole, Evidence& evidence) {
    constexpr float kMost = 1.001F;  // more is on another scale
    const auto scaled = [&](double given) { return static_cast<float>(given) / whole; };
    if (!(character.p < 0)) {
        const float value = scaled(character.p);
        if (!(value <= kMost)) return false;
        evidence.p = std::min(value, 1.0F);
    }
    evidence.has_alternatives = !character.alternatives.empty();
    listed_.clear();
    for (const RawRead::Alternative& alternative : character.alternatives) {
        if (!decode(alternative.text)) return false;
        const char32_t symbol = character_of(std::span<const char32_t>(code_points_));
        const float value = scaled(alternative.p);
        if (!(value <= kMost)) return false;
        if (symbol == 0 || symbol == evidence.c || !is_kept(symbol)) continue;
        const auto same = std::ranges::find(listed_, symbol, &Evidence::Alternative::symbol);
        if (same == listed_.end()) {
            listed_.push_back({symbol, value});
        } else {
            same->p = std::max(same->p, value);
        }
    }
    sort_descending(listed_, &Evidence::Alternative::p);
    for (const Evidence::Alternative& alternative : listed_) {
        if (evidence.alternative_count == Evidence::kMostAlternatives) break;
        evidence.alternatives[evidence.alternative_count++] = alternative;
    }
    return true;
}

// Calls visit(candidate, canonical text, its probability) for each that can be one. All are percent if one
// is.
template <class Visit>
void ReadMaker::for_each_candidate(const RawRead& read, const Visit& visit) {
    const bool percent = std::ranges::any_of(read.candidates, is_percent, &RawRead::Candidate::p);
    for (const RawRead::Candidate& candidate : read.candidates) {
        const bool has_p = !(candidate.p < 0);
        const double p = percent ? candidate.p / kHundredPercent : candidate.p;
        Symbols canonical;
        if ((has_p && !is_share(p)) ||
            normalize(candidate.text, TextKind::read, canonical) != TextError::none)
            continue;
        visit(candidate, canonical, has_p ? std::optional(p) : std::nullopt);
    }
}

// How much is believed of each text: by the candidates' own probabilities; the read's own text has the one of
// the candidate that is the same, or else the read's confidence, or else what the candidates leave.
void ReadMaker::make_shares(const RawRead& read, const Symbols& own, ReadTexts& out) {
    constexpr double kUnsaid = 0.05;  // of a candidate without a probability
    constexpr double kLeast = 0.01;   // of the own text, where nothing is said of it
    out.share = 1;
    out.others.clear();
    candidates_.clear();
    std::optional<double> of_own;
    for_each_candidate(
        read, [&](const RawRead::Candidate& candidate, const Symbols& text, std::optional<double> p) {
            if (text == own) {
                if (p && *p > of_own.value_or(0)) of_own = p;
                return;
            }
            const double share = p.value_or(kUnsaid);
            const auto known = std::ranges::find(candidates_, text, &Candidate::text);
            if (known != candidates_.end()) {
                known->share = std::max(known->share, share);
            } else if (share > 0) {
                candidates_.push_back({candidate.text, text, share});
            }
        });
    if (candidates_.empty()) return;
    sort_descending(candidates_, &Candidate::share);
    if (candidates_.size() > ReadTexts::kMostOthers) candidates_.resize(ReadTexts::kMostOthers);
    double sum = 0;
    for (const Candidate& candidate : candidates_) sum += candidate.share;
    if (of_own) {
        out.share = *of_own;
    } else if (const double confidence = confidence_of(read); confidence > 0) {
        out.share = confidence;
    } else {
        // More than 1 are no shares of one whole: then the own text has as much as the likeliest.
        out.share = sum > kMaxProbability ? candidates_.front().share : std::max(1 - sum, kLeast);
    }
    const double all = out.share + sum;
    out.share /= all;
    for (const Candidate& candidate : candidates_) {
        ReadTexts::Other& other = out.others.emplace_back();
        static_cast<void>(decode(candidate.raw));  // as it has a canonical form
        evidence_of(std::span<const char32_t>(code_points_), candidate.text.view(), other.evidence);
        other.share = candidate.share / all;
    }
}

void ReadMaker::expand(const RawRead& read, const Symbols& canonical, std::vector<ReadText>& out) {
    out.assign(1, {canonical, 1.0});
    lined_up_ = read.characters.empty();
    if (!lined_up_ && decode(read.text)) {
        const double whole = whole_of(read.characters);
        raw_ = code_points_;
        alternatives_.clear();
        bool is_text = true;
        for (const RawRead::Character& character : read.characters) {
            is_text = is_text && decode(character.c);
            if (!is_text) break;
            alternatives_.add(code_points_,
                              character.p < 0 ? std::nullopt : std::optional(character.p / whole));
            for (const RawRead::Alternative& alternative : character.alternatives) {
                is_text = is_text && decode(alternative.text);
                if (is_text) alternatives_.add_alternative(code_points_, alternative.p / whole);
            }
        }
        lined_up_ = is_text && alternatives_.expand(raw_, out);
    }
    for_each_candidate(read, [&](const RawRead::Candidate&, const Symbols& text, std::optional<double>) {
        add_text(out, text, 0.0);
    });
}

}  // namespace platewatch
