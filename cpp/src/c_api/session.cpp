// Matching: reads alone, in batches, and as passes; and why.
#include <cmath>
#include <ctime>
#include <limits>
#include <new>
#include <string_view>
#include <utility>

#include "c_api/handles.hpp"
#include "c_api/status.hpp"
#include "platewatch/probability/channel_model.hpp"
#include "platewatch/text/pattern.hpp"
#include "platewatch/text/region.hpp"

using namespace platewatch;
using namespace platewatch::c;

void pw_session::look() {
    const std::uint32_t now = matcher->changes.load(std::memory_order_acquire);
    if (now == seen) return;
    auto next = matcher->generation();
    state = next->live.state();
    generation = std::move(next);
    seen = now;
}

// The names of a match bring in what stands around them, of which Linux maps up to 64 KiB for each part.
void pw_session::want_names(std::size_t matches) {
    if (named + matches > kMostNamed) forget_names();
    named += matches;
}

void pw_session::forget_names() {
    generation->names.forget();
    named = 0;
}

pw_session::Room::Room() noexcept {}

void pw_session::start_anew() noexcept {
#if defined(__cpp_exceptions)
    room.~Room();
#else
    pieces.give_back();
#endif
    ::new (static_cast<void*>(&room)) Room;
}

namespace {

// As `guarded`, with a session that is fit for another call whatever happens.
template <class Work>
pw_status guarded_in(pw_session* session, const Work& work) noexcept {
    if (session == nullptr) return guarded([&] { checked_pointer(session); });
    const auto start_anew = [session] { session->start_anew(); };
#if defined(__cpp_exceptions)
    return guarded(work, start_anew);
#else
    return guarded(work, start_anew, session->pieces);
#endif
}

constexpr std::uint32_t kMostOfPass = 64, kMostOfBatch = 1U << 28;
constexpr std::uint32_t kKnownFlags = PW_ALTERNATIVES | PW_KEEP_EXACT | PW_NO_SCORES | PW_HITS_ONLY;

struct Wish {
    unsigned max_edits;
    bool alternatives, scores, hits_only, keep_exact;
    double min_probability;
    Time at;
    Floor floor;
};

Time clock_now() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

Wish wish_of(const Generation& generation, const pw_options* options) {
    constexpr pw_options kDefault = PW_OPTIONS_INIT;
    const pw_options& given = options == nullptr ? kDefault : checked(options);
    if ((given.flags & ~kKnownFlags) != 0) end_call(PW_ERROR_ARGUMENT, "a flag is not known");
    if (!(given.min_probability >= 0 && given.min_probability <= 1))
        end_call(PW_ERROR_ARGUMENT, "min_probability is not from 0 to 1");
    const auto has = [&](std::uint32_t flag) { return (given.flags & flag) != 0; };
    Wish wish{.max_edits = given.max_edits == PW_EDITS_OF_LIST ? generation.max_edits : given.max_edits,
              .alternatives = has(PW_ALTERNATIVES),
              .scores = !has(PW_NO_SCORES),
              .hits_only = has(PW_HITS_ONLY),
              .keep_exact = has(PW_KEEP_EXACT),
              .min_probability = given.min_probability,
              .at = given.time,
              .floor = {given.min_probability, has(PW_KEEP_EXACT)}};
    if (wish.max_edits > kMaxEdits) end_call(PW_ERROR_ARGUMENT, "max_edits is over 3");
    if (wish.scores && !generation.model)
        end_call(PW_ERROR_NO_MODEL, "the list has no model for probabilities");
    if (!wish.scores && (wish.hits_only || wish.min_probability > 0))
        end_call(PW_ERROR_ARGUMENT, "hits and min_probability need scores");
    if (wish.hits_only && !generation.policy)
        end_call(PW_ERROR_NO_MODEL, "the list has no policy that says what a hit is");
    return wish;
}

// The arrays of a read, copied into the session's.
RawRead raw_of(pw_session& session, const pw_read& read) {
    RawRead raw;
    raw.text = checked_text(read.text, read.text_size);
    raw.confidence = std::isnan(read.confidence) ? -1 : read.confidence;
    checked_array(read.characters, read.character_count, PW_MOST_CHARACTERS);
    checked_array(read.candidates, read.candidate_count, PW_MOST_ALTERNATIVES);
    session.room.alternatives.clear();
    session.room.characters.clear();
    session.room.candidates.clear();
    std::size_t alternatives = 0;
    for (std::uint32_t i = 0; i < read.character_count; ++i) {
        checked_array(read.characters[i].alternatives, read.characters[i].alternative_count,
                      PW_MOST_ALTERNATIVES);
        alternatives += read.characters[i].alternative_count;
    }
    session.room.alternatives.reserve(alternatives);  // so that what points into it stays
    for (std::uint32_t i = 0; i < read.character_count; ++i) {
        const pw_character& c = read.characters[i];
        const std::size_t first = session.room.alternatives.size();
        for (std::uint32_t k = 0; k < c.alternative_count; ++k) {
            const pw_alternative& other = c.alternatives[k];
            session.room.alternatives.push_back({checked_text(other.text, other.text_size), other.p});
        }
        session.room.characters.push_back(
            {checked_text(c.text, c.text_size), c.p, std::span(session.room.alternatives).subspan(first)});
    }
    for (std::uint32_t i = 0; i < read.candidate_count; ++i) {
        const pw_candidate& other = read.candidates[i];
        session.room.candidates.push_back({checked_text(other.text, other.text_size), other.p});
    }
    raw.characters = session.room.characters;
    raw.candidates = session.room.candidates;
    return raw;
}

std::string_view name_of(const char* name) { return name == nullptr ? std::string_view() : name; }

Recogniser recogniser_of(const ScoringModel& model, const pw_read& read) {
    return model.recogniser(name_of(read.engine), name_of(read.camera));
}

// Adds the read's texts to the queries.
TextError add_queries(pw_session& session, const RawRead& raw, const pw_read& read, std::uint32_t number,
                      const Wish& wish) {
    Query query{number, read.time != PW_NOW ? read.time : wish.at != PW_NOW ? wish.at : clock_now(), {}};
    const TextError error = session.room.maker.make(raw, query.text, nullptr);
    if (error != TextError::none) return error;
    session.room.queries.push_back(query);
    if (!wish.alternatives || (raw.characters.empty() && raw.candidates.empty())) return error;
    session.room.maker.expand(raw, query.text, session.room.further);
    const Symbols own = query.text;
    for (const ReadText& text : session.room.further) {
        if (text.text == own) continue;
        query.text = text.text;
        session.room.queries.push_back(query);
    }
    return error;
}

void tell(pw_session& session, std::uint32_t read, const Wish& wish) {
    const State& state = *session.state;
    const Generation& generation = *session.generation;
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 0; i < session.room.of_read.size(); ++i) {
        const Match& match = session.room.of_read[i];
        const std::string_view id = state.id(match.entry), plate = state.plate(match.entry),
                               category = state.category(match.entry);
        pw_match out{};
        out.read = read;
        out.edits = match.edits;
        out.log_likelihood = wish.scores ? session.room.scores[i].log_likelihood : kNone;
        out.probability = wish.scores ? session.room.scores[i].probability : kNone;
        out.id = id.data(), out.id_size = static_cast<std::uint32_t>(id.size());
        out.plate = plate.data(), out.plate_size = static_cast<std::uint32_t>(plate.size());
        out.category = category.data(), out.category_size = static_cast<std::uint32_t>(category.size());
        out.is_pattern = state.is_pattern(match.entry) ? 1 : 0;
        if (wish.scores && generation.policy)
            out.grade = static_cast<std::uint32_t>(
                generation.policy->grade(category, match.edits, out.probability, out.is_pattern != 0));
        const bool told =
            !wish.hits_only || (out.grade != PW_NO_HIT && (out.probability >= wish.min_probability ||
                                                           (wish.keep_exact && match.edits == 0)));
        if (told) session.room.matches.push_back(out);
    }
}

// What the policy may call a hit has to be scored, whatever the probability asked for.
Floor floor_of(const Generation& generation, const Wish& wish) {
    if (!wish.hits_only) return wish.floor;
    double least = generation.policy->general.check;
    for (const auto& [category, thresholds] : generation.policy->categories)
        least = std::min(least, thresholds.check);
    return {least, true};
}

void score_and_tell(pw_session& session, const pw_read& read, std::uint32_t number, const Wish& wish) {
    session.want_names(session.room.of_read.size());
    if (wish.scores && !session.room.of_read.empty()) {
        Symbols canonical;
        static_cast<void>(session.room.maker.make(raw_of(session, read), canonical, &session.room.texts));
        session.room.scorer.score(*session.state, recogniser_of(*session.generation->model, read),
                                  session.room.texts, floor_of(*session.generation, wish),
                                  session.room.of_read, session.room.scores);
    }
    tell(session, number, wish);
}

void begin(pw_session& session) {
    session.look();
    session.room.matches.clear();
    session.room.refused.clear();
    session.room.queries.clear();
    session.room.found.clear();
}

void end(pw_session& session, pw_matches& out) {
    if (session.named > pw_session::kMostNamed) session.forget_names();
    out.matches = session.room.matches.data();
    out.refused = session.room.refused.data();
    out.count = static_cast<std::uint32_t>(session.room.matches.size());
    out.refused_count = static_cast<std::uint32_t>(session.room.refused.size());
}

[[noreturn]] void refuse(TextError error) { end_call(PW_ERROR_TEXT, reason(error)); }

// The n-th of an array whose items have the size that the first one says.
const pw_read& nth(const pw_read* reads, std::uint32_t n) {
    const auto* const at = reinterpret_cast<const unsigned char*>(reads) + std::size_t{n} * reads->size;
    return checked(reinterpret_cast<const pw_read*>(at));
}

void match_block(pw_session& session, const pw_read* reads, std::uint32_t count, const Wish& wish,
                 std::uint32_t& next) {
    session.room.queries.clear();
    session.room.found.clear();
    const std::uint32_t first = next;
    for (; next < count && session.room.queries.size() < Index::kBlock; ++next) {
        const pw_read& read = nth(reads, next);
        const RawRead raw = raw_of(session, read);
        if (add_queries(session, raw, read, next, wish) != TextError::none)
            session.room.refused.push_back({next, PW_ERROR_TEXT});
    }
    session.state->search(session.room.queries, wish.max_edits, session.room.workspace, session.room.found);
    if (wish.scores) session.state->prefetch_plates(session.room.found);
    std::size_t i = 0;
    for (std::uint32_t read = first; read < next; ++read) {
        session.room.of_read.clear();
        for (; i < session.room.found.size() && session.room.found[i].read == read; ++i)
            session.room.of_read.push_back(session.room.found[i]);
        if (!session.room.of_read.empty()) score_and_tell(session, nth(reads, read), read, wish);
    }
}

}  // namespace

pw_status pw_session_new(pw_matcher* matcher, pw_session** session) {
    return guarded([&] {
        checked_pointer(session) = nullptr;
        *session = new pw_session(checked_pointer(matcher));
    });
}

void pw_session_free(pw_session* session) { delete session; }

pw_status pw_match_read(pw_session* session, const pw_read* read, const pw_options* options,
                        pw_matches* matches) {
    return guarded_in(session, [&] {
        pw_session& in = checked_pointer(session);
        checked_pointer(matches) = {};
        begin(in);
        const Wish wish = wish_of(*in.generation, options);
        const pw_read& of = checked(read);
        if (const TextError error = add_queries(in, raw_of(in, of), of, 0, wish); error != TextError::none)
            refuse(error);
        in.state->search(in.room.queries, wish.max_edits, in.room.workspace, in.room.found);
        in.room.of_read.assign(in.room.found.begin(), in.room.found.end());
        score_and_tell(in, of, 0, wish);
        end(in, *matches);
    });
}

pw_status pw_match_batch(pw_session* session, const pw_read* reads, uint32_t count, const pw_options* options,
                         pw_matches* matches) {
    return guarded_in(session, [&] {
        pw_session& in = checked_pointer(session);
        checked_pointer(matches) = {};
        begin(in);
        const Wish wish = wish_of(*in.generation, options);
        checked_structs(reads, count, kMostOfBatch);
        for (std::uint32_t next = 0; next < count;) match_block(in, reads, count, wish, next);
        end(in, *matches);
    });
}

pw_status pw_match_pass(pw_session* session, const pw_read* reads, uint32_t count, const pw_options* options,
                        pw_matches* matches) {
    if (count == 1) return pw_match_read(session, reads, options, matches);
    return guarded_in(session, [&] {
        pw_session& in = checked_pointer(session);
        checked_pointer(matches) = {};
        begin(in);
        const Wish wish = wish_of(*in.generation, options);
        if (!wish.scores) end_call(PW_ERROR_ARGUMENT, "passes are for their probabilities");
        checked_structs(reads, count, kMostOfPass);
        if (count == 0) return;
        in.room.pass.clear();
        const ScoringModel& model = *in.generation->model;
        for (std::uint32_t i = 0; i < count; ++i) {
            const pw_read& read = nth(reads, i);
            const RawRead raw = raw_of(in, read);
            in.room.queries.clear();
            if (const TextError error = add_queries(in, raw, read, 0, wish); error != TextError::none)
                refuse(error);
            Symbols canonical;
            PassRead& part = in.room.pass.emplace_back();
            static_cast<void>(in.room.maker.make(raw, canonical, &part.texts));
            part.recognised_by(recogniser_of(model, read));
            in.state->search(in.room.queries, wish.max_edits, in.room.workspace, in.room.found);
        }
        order_matches(in.room.found, 0, in.room.workspace.words);
        in.room.of_read.assign(in.room.found.begin(), in.room.found.end());
        in.want_names(in.room.of_read.size());
        in.room.pass_scorer.score(*in.state, in.room.pass, model.frame_weight(),
                                  floor_of(*in.generation, wish), in.room.of_read, in.room.scores);
        tell(in, 0, wish);
        end(in, *matches);
    });
}

pw_status pw_explain(pw_session* session, const pw_read* read, const char* plate,
                     pw_explanation* explanation) {
    return guarded_in(session, [&] {
        pw_session& in = checked_pointer(session);
        checked_pointer(explanation) = {};
        begin(in);
        const std::string_view listed = &checked_pointer(plate);
        if (!in.generation->model) end_call(PW_ERROR_NO_MODEL, "the list has no model for probabilities");
        const pw_read& of = checked(read);
        Symbols canonical, wanted;
        if (const TextError error = in.room.maker.make(raw_of(in, of), canonical, &in.room.texts);
            error != TextError::none)
            refuse(error);
        if (is_pattern(listed)) end_call(PW_ERROR_TEXT, "the plate is a pattern");
        if (const TextError error = normalize(listed, TextKind::plate, wanted); error != TextError::none)
            refuse(error);
        const Recogniser recogniser = recogniser_of(*in.generation->model, of);
        const MatchScorer::Weighed weighed =
            in.room.scorer.weigh(recogniser, in.room.texts, to_utf8(wanted.view()));
        explanation->log_likelihood = std::log(weighed.likelihood);
        explanation->log_background = std::log(weighed.background);
        explanation->log_others = std::log(weighed.others);
        explanation->probability = weighed.probability;
        explanation->mark_omitted = weighed.omitted;
        std::u32string whole(wanted.view());
        if (weighed.omitted > 0 && has_region_mark(canonical.view()))
            whole.insert(0, canonical.view().substr(0, kRegionMarkSize));
        in.room.events.clear();
        if (whole.size() <= kMaxSymbols) {
            const ChannelTable& general = recogniser.table->table();
            std::array<double, ChannelRates::kLevels> level;
            for (std::size_t l = 0; l < level.size(); ++l) level[l] = (*recogniser.level)[l];
            const ChannelTable table = general.with_level(level);
            for (const ChannelEvent& e : likeliest_way(ReadView(table, in.room.texts.own), whole).events)
                in.room.events.push_back({static_cast<std::uint32_t>(e.kind), e.of_plate, e.plate_size,
                                          e.of_read, e.read_size, 0, e.log_probability});
        }
        explanation->events = in.room.events.data();
        explanation->event_count = static_cast<std::uint32_t>(in.room.events.size());
    });
}
