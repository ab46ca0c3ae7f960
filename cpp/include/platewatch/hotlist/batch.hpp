// Many reads in one call, on one thread or several; the answer does not depend on how many.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "platewatch/hotlist/live_index.hpp"
#include "platewatch/probability/posterior.hpp"
#include "platewatch/text/normalize.hpp"

namespace platewatch {

// A read's raw text where it lies.
struct TextView {
    enum class Unit : std::uint8_t {
        none,
        utf8,
        latin1,
        ucs2,
        utf32
    };  // none: there is no text to match here

    const void* data = nullptr;
    std::size_t size = 0;  // in units
    Unit unit = Unit::none;
};

// Writes the texts of rows first .. first + texts.size() - 1; called from several threads at once.
struct TextSource {
    void (*fill)(const void* context, std::size_t first, std::span<TextView> texts);
    const void* context;
    std::size_t rows;
};

struct BadText {
    std::uint32_t row;
    TextError error;
};

struct Batch {
    // One item a match, in the order row, then edits and id, or, scored, probability, edits and id.
    std::vector<std::uint32_t> read, entry;
    std::vector<std::uint8_t> edits;
    std::vector<BadText> bad;                                   // ascending by row
    std::vector<std::uint32_t> others;                          // rows without a text, ascending
    std::vector<double> log_likelihood = {}, probability = {};  // one a match; empty without scoring
};

// How to score; without a model, matches are not scored.
struct Scoring {
    const ScoringModel* model = nullptr;
    Floor floor = {};
};

// Matches each row's text at its time of `times`, or at `at` if there are none, on so many threads, which
// begin while later rows are still made ready.
class BatchMatch {
  public:
    static constexpr std::size_t kChunk = 2048;  // rows that a thread takes at a time

    // What it is given has to outlive it. Throws std::length_error over 2^32 - 1 rows, std::system_error if a
    // thread cannot be started.
    BatchMatch(const State& state, const TextSource& source, std::span<const Time> times, Time at, unsigned k,
               unsigned threads, const Scoring& scoring);
    // Breaks off what has not finished.
    ~BatchMatch();
    BatchMatch(const BatchMatch&) = delete;
    BatchMatch& operator=(const BatchMatch&) = delete;

    // From now on the source has the texts of the first `rows` rows. It only ever gets more.
    void make_ready(std::size_t rows) noexcept;
    // Takes part until all is done; once. Precondition: all rows are ready.
    [[nodiscard]] Batch finish();

  private:
    void work();
    void fail() noexcept;
    void stop() noexcept;

    const State& state_;
    const TextSource source_;
    const std::span<const Time> times_;
    const Time at_;
    const unsigned k_;
    const Scoring scoring_;
    std::vector<Batch> parts_;              // by chunk
    std::atomic<std::size_t> next_ = 0;     // chunk
    std::atomic<std::uint32_t> ready_ = 0;  // rows
    std::atomic<bool> stop_ = false;
    std::mutex mutex_;  // of what follows
    std::condition_variable ended_;
    std::size_t at_work_ = 0;     // helpers
    std::exception_ptr failure_;  // the first
    std::vector<std::jthread> helpers_;
};

// Of rows that are all ready.
[[nodiscard]] Batch match_batch(const State& state, const TextSource& source, std::span<const Time> times,
                                Time at, unsigned k, unsigned threads, const Scoring& scoring = {});

// The matches of reads that are symbols already, found on this thread and without scores. Precondition: the
// queries ascend by read.
[[nodiscard]] Batch match_queries(const State& state, std::span<const Query> queries, unsigned k);

// Appends the matches of one read and, if there are any, their scores.
void append_matches(std::span<const Match> matches, std::span<const Score> scores, Batch& out);

// Adds the matches of other reads to a batch.
void merge(Batch& batch, const Batch& other);

[[nodiscard]] TextError normalize(const TextView& text, TextKind kind, Symbols& out) noexcept;

}  // namespace platewatch
