#include "platewatch/hotlist/batch.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/text/alternatives.hpp"
#include "text/utf8.hpp"

namespace platewatch {
namespace {

constexpr std::size_t kManyMatches = 64;  // of one read: to score them takes a while

// Another thread of the call has failed or was broken off.
struct Stopped : std::exception {};

// The evidence that a text is by itself.
void evidence_of(const TextView& text, const Symbols& canonical, std::u32string& raw, ReadEvidence& out) {
    constexpr std::size_t kMostUnits = 4 * kMaxRawLength;
    if (text.size > kMostUnits) return out.assign(canonical.view());
    raw.clear();
    const auto copy = [&]<class Unit>(const Unit* units) { raw.assign(units, units + text.size); };
    switch (text.unit) {
        case TextView::Unit::utf8:
            if (!decode_utf8({static_cast<const char*>(text.data), text.size}, [&](char32_t c) { raw += c; }))
                raw.clear();
            break;
        case TextView::Unit::latin1:
            copy(static_cast<const std::uint8_t*>(text.data));
            break;
        case TextView::Unit::ucs2:
            copy(static_cast<const char16_t*>(text.data));
            break;
        default:
            copy(static_cast<const char32_t*>(text.data));
    }
    platewatch::evidence_of(std::span<const char32_t>(raw), canonical.view(), out);
}

// What a thread needs to score the matches of its rows.
struct RowScorer {
    MatchScorer scorer;
    ReadTexts read;
    std::u32string raw;
    std::vector<Match> matches;
    std::vector<Score> scores;
};

void match_rows(const State& state, const TextSource& source, std::span<const Time> times, Time at,
                unsigned k, const Scoring& scoring, std::size_t begin, std::size_t end,
                Index::Workspace& workspace, RowScorer& scorer, Batch& out) {
    std::array<TextView, Index::kBlock> texts;
    std::array<Query, Index::kBlock> queries;
    std::vector<Match> found;
    for (std::size_t first = begin; first < end; first += Index::kBlock) {
        const std::size_t rows = std::min(Index::kBlock, end - first);
        poll();
        source.fill(source.context, first, std::span(texts).first(rows));
        std::size_t good = 0;
        for (std::size_t i = 0; i < rows; ++i) {
            const auto row = static_cast<std::uint32_t>(first + i);
            if (texts[i].unit == TextView::Unit::none) {
                out.others.push_back(row);
                continue;
            }
            Query& query = queries[good];
            const TextError error = normalize(texts[i], TextKind::read, query.text);
            if (error != TextError::none) {
                out.bad.push_back({row, error});
                continue;
            }
            query.read = row;
            query.at = times.empty() ? at : times[row];
            ++good;
        }
        found.clear();
        state.search(std::span(queries).first(good), k, workspace, found);
        if (scoring.model == nullptr) {
            append_matches(found, {}, out);
            continue;
        }
        state.prefetch_plates(found);
        std::size_t query = 0;
        for (std::size_t i = 0; i < found.size(); ++query) {
            const std::uint32_t read = queries[query].read;
            scorer.matches.clear();
            for (; i < found.size() && found[i].read == read; ++i) scorer.matches.push_back(found[i]);
            if (scorer.matches.empty()) continue;
            if (scorer.matches.size() > kManyMatches) poll();
            evidence_of(texts[read - first], queries[query].text, scorer.raw, scorer.read.own);
            scorer.scorer.score(state, scoring.model->recogniser(""), scorer.read, scoring.floor,
                                scorer.matches, scorer.scores);
            append_matches(scorer.matches, scorer.scores, out);
        }
    }
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

TextError normalize(const TextView& text, TextKind kind, Symbols& out) noexcept {
    switch (text.unit) {
        case TextView::Unit::utf8:
            return normalize(std::string_view(static_cast<const char*>(text.data), text.size), kind, out);
        case TextView::Unit::latin1:
            return normalize(std::span(static_cast<const std::uint8_t*>(text.data), text.size), kind, out);
        case TextView::Unit::ucs2:
            return normalize(std::span(static_cast<const char16_t*>(text.data), text.size), kind, out);
        case TextView::Unit::utf32:
            return normalize(std::span(static_cast<const char32_t*>(text.data), text.size), kind, out);
        case TextView::Unit::none:
            break;
    }
    return TextError::empty;
}

void append_matches(std::span<const Match> matches, std::span<const Score> scores, Batch& out) {
    for (const Match& match : matches) {
        out.read.push_back(match.read);
        out.entry.push_back(match.entry);
        out.edits.push_back(static_cast<std::uint8_t>(match.edits));
    }
    for (const Score& score : scores) {
        out.log_likelihood.push_back(score.log_likelihood);
        out.probability.push_back(score.probability);
    }
}

BatchMatch::BatchMatch(const State& state, const TextSource& source, std::span<const Time> times, Time at,
                       unsigned k, unsigned threads, const Scoring& scoring)
    : state_(state), source_(source), times_(times), at_(at), k_(k), scoring_(scoring) {
    if (source.rows > std::numeric_limits<std::uint32_t>::max())
        throw std::length_error("more than 2^32 - 1 reads in one call: match them in parts");
    const std::size_t chunks = std::max<std::size_t>((source.rows + kChunk - 1) / kChunk, 1);
    const std::size_t workers = std::clamp<std::size_t>(threads, 1, chunks);
    parts_.resize(workers == 1 ? 1 : chunks);
    helpers_.reserve(workers - 1);
    at_work_ = workers - 1;
    try {
        while (helpers_.size() < workers - 1) {
            helpers_.emplace_back([this] {
                {
                    const Interruptible until_stopped([this] {
                        if (stop_) throw Stopped();
                    });
                    work();
                }
                const std::scoped_lock lock(mutex_);
                --at_work_;
                ended_.notify_one();
            });
        }
    } catch (...) {
        stop();
        throw;
    }
}

BatchMatch::~BatchMatch() { stop(); }

void BatchMatch::make_ready(std::size_t rows) noexcept {
    ready_ = static_cast<std::uint32_t>(rows);
    ready_.notify_all();
}

void BatchMatch::stop() noexcept {
    stop_ = true;
    make_ready(source_.rows);  // nobody waits any more
}

void BatchMatch::fail() noexcept {
    {
        const std::scoped_lock lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
    }
    stop();
}

void BatchMatch::work() {
    try {
        Index::Workspace workspace;
        const auto row = std::make_unique<RowScorer>();
        for (std::size_t chunk = next_++; chunk < parts_.size(); chunk = next_++) {
            const std::size_t begin = chunk * kChunk;
            const std::size_t end =
                parts_.size() == 1 ? source_.rows : std::min(begin + kChunk, source_.rows);
            for (std::uint32_t ready = ready_; ready < end; ready = ready_) ready_.wait(ready);
            if (stop_) return;
            match_rows(state_, source_, times_, at_, k_, scoring_, begin, end, workspace, *row,
                       parts_[chunk]);
        }
    } catch (...) {
        fail();
    }
}

Batch BatchMatch::finish() {
    work();
    try {
        for (std::unique_lock lock(mutex_); at_work_ > 0;) {
            ended_.wait_for(lock, Interruptible::kInterval);
            lock.unlock();
            poll();
            lock.lock();
        }
    } catch (...) {
        fail();
    }
    helpers_.clear();
    if (failure_) std::rethrow_exception(failure_);
    Batch batch = std::move(parts_.front());
    for (const Batch& part : std::span(parts_).subspan(1)) {
        append(batch.read, part.read);
        append(batch.entry, part.entry);
        append(batch.edits, part.edits);
        append(batch.log_likelihood, part.log_likelihood);
        append(batch.probability, part.probability);
        append(batch.bad, part.bad);
        append(batch.others, part.others);
    }
    return batch;
}

Batch match_batch(const State& state, const TextSource& source, std::span<const Time> times, Time at,
                  unsigned k, unsigned threads, const Scoring& scoring) {
    BatchMatch matching(state, source, times, at, k, threads, scoring);
    matching.make_ready(source.rows);
    return matching.finish();
}

Batch match_queries(const State& state, std::span<const Query> queries, unsigned k) {
    Batch batch;
    Index::Workspace workspace;
    std::vector<Match> found;
    while (!queries.empty()) {
        poll();
        // Whole reads, as the fewest edits of a read's texts count.
        std::size_t size = std::min(Index::kBlock, queries.size());
        while (size < queries.size() && queries[size].read == queries[size - 1].read) ++size;
        found.clear();
        state.search(queries.first(size), k, workspace, found);
        append_matches(found, {}, batch);
        queries = queries.subspan(size);
    }
    return batch;
}

void merge(Batch& batch, const Batch& other) {
    Batch merged;
    const auto take = [&merged](const Batch& from, std::size_t& i) {
        merged.read.push_back(from.read[i]);
        merged.entry.push_back(from.entry[i]);
        merged.edits.push_back(from.edits[i]);
        if (!from.probability.empty()) {
            merged.log_likelihood.push_back(from.log_likelihood[i]);
            merged.probability.push_back(from.probability[i]);
        }
        ++i;
    };
    for (std::size_t i = 0, j = 0; i < batch.read.size() || j < other.read.size();) {
        const bool mine = j == other.read.size() || (i < batch.read.size() && batch.read[i] < other.read[j]);
        mine ? take(batch, i) : take(other, j);
    }
    batch.read = std::move(merged.read);
    batch.entry = std::move(merged.entry);
    batch.edits = std::move(merged.edits);
    batch.log_likelihood = std::move(merged.log_likelihood);
    batch.probability = std::move(merged.probability);
}

}  // namespace platewatch
