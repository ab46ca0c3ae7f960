#include "platewatch/hotlist/live_index.hpp"

#if !defined(_WIN32)
#include <pthread.h>
#endif

#include <algorithm>
#include <memory>
#include <mutex>
#include <ranges>
#include <set>
#include <stdexcept>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "platewatch/base/interrupt.hpp"

namespace platewatch {
namespace {

using Numbers = std::vector<std::uint32_t>;

// Takes entries, given by number, out of a segment.
void take_out(Segment& segment, Numbers numbers) {
    if (numbers.empty()) return;
    if (segment.removed) numbers.insert(numbers.end(), segment.removed->begin(), segment.removed->end());
    std::ranges::sort(numbers);
    segment.removed = std::make_shared<const Numbers>(std::move(numbers));
}

// Segments have alphabets of their own, but must fit into one when they are folded: those that stay, and the
// symbols of what is added.
void check_symbols(std::span<const Segment> segments, std::set<char32_t> symbols) {
    const std::set<char32_t> added = symbols;
    for (const Segment& segment : segments) {
        const auto used = segment.index->symbols();
        symbols.insert(used.begin(), used.end());
    }
    if (symbols.size() <= kMaxCode) return;
    constexpr const char* kTooMany = "the entries use more than 254 distinct symbols";
    const auto is_whole = [](const Segment& segment) { return !segment.removed; };
    if (std::ranges::all_of(segments, is_whole)) throw std::length_error(kTooMany);
    // Some may have been used by entries only that are taken out.
    symbols = added;
    std::vector<IndexEntry> entries;
    for (const Segment& segment : segments) segment.append_entries(entries);
    for (const IndexEntry& entry : entries) {
        symbols.insert(entry.plate.view().begin(), entry.plate.view().end());
    }
    if (symbols.size() > kMaxCode) throw std::length_error(kTooMany);
}

// All that there are. A fork copies the one thread that asked for it: a lock that another one holds would
// stay locked in the child, and the thread that folds is not there. So a fork waits until nobody changes any
// index.
class LiveIndexes {
  public:
    static LiveIndexes& get() {
        static LiveIndexes& all = *new LiveIndexes;  // threads may outlive what is destroyed at the end
        return all;
    }
    void add(LiveIndex* index) {
        const std::scoped_lock lock(mutex_);
        indexes_.insert(index);
    }
    void remove(LiveIndex* index) {
        const std::scoped_lock lock(mutex_);
        indexes_.erase(index);
    }

  private:
    LiveIndexes() {
#if !defined(_WIN32)  // which has no fork
        ::pthread_atfork([] { get().prepare(); }, [] { get().release(false); }, [] { get().release(true); });
#endif
    }
    void prepare() {
        mutex_.lock();
        for (LiveIndex* index : indexes_) index->prepare_fork();
    }
    void release(bool in_child) {
        for (LiveIndex* index : indexes_) index->after_fork(in_child);
        mutex_.unlock();
    }

    std::mutex mutex_;
    std::set<LiveIndex*> indexes_;
};

}  // namespace

LiveIndex::LiveIndex(Index index, IndexKind kind) : kind_(kind) {
    publish({make_segment(std::move(index))});
    LiveIndexes::get().add(this);
}

LiveIndex::LiveIndex(std::vector<Segment> segments) {
    publish(std::move(segments));
    LiveIndexes::get().add(this);
}

LiveIndex::~LiveIndex() {
    LiveIndexes::get().remove(this);
    {
        const std::scoped_lock lock(change_);
        stopping_ = true;
    }
    work_.notify_all();
    if (folder_.joinable()) folder_.join();
}

void LiveIndex::prepare_fork() {
    change_.lock();
    published_.lock();
}

void LiveIndex::after_fork(bool in_child) {
    if (in_child) {
        // Made anew where they are: what they wait for, and who waits for them, is in the parent.
        std::construct_at(&work_);
        std::construct_at(&settled_);
        std::construct_at(&folder_);
        frozen_ = 0;
    }
    published_.unlock();
    change_.unlock();
}

Segment LiveIndex::make_segment(Index index) const {
    if (kind_ == IndexKind::fast) index.make_fast();
    return {std::make_shared<const Index>(std::move(index)), nullptr, 0};
}

void LiveIndex::publish(std::vector<Segment> segments) {
    auto state = std::make_shared<const State>(std::move(segments));
    const std::scoped_lock lock(published_);
    state_.swap(state);  // the old one goes when the lock is gone
}

void LiveIndex::replace(Index index) {
    Segment segment = make_segment(std::move(index));
    const std::scoped_lock lock(change_);
    ++replacements_;
    frozen_ = 0;
    fold_failed_ = false;
    publish({std::move(segment)});
    settled_.notify_all();
}

std::size_t LiveIndex::apply(std::vector<IndexEntry> upserts, std::span<const std::string> removals) {
    std::unordered_set<std::string> upserted;
    std::set<char32_t> symbols;
    for (const IndexEntry& entry : upserts) {
        if (!upserted.insert(entry.id).second)
            throw std::invalid_argument("the id " + entry.id + " stands twice");
        symbols.insert(entry.plate.view().begin(), entry.plate.view().end());
    }
    const std::unordered_set<std::string> taken_out(removals.begin(), removals.end());
    // Many entries are indexed before the lock is taken; few, together with those of the last segment, below.
    const bool many = upserts.size() > kSmallEntries;
    Segment added;
    if (many) added = make_segment(Index(std::move(upserts)));

    const Uninterruptible whole;
    const std::scoped_lock lock(change_);
    const std::shared_ptr<const State> before = state();
    std::vector<Segment> segments(before->segments().begin(), before->segments().end());
    std::size_t removed = 0;
    for (Segment& segment : segments) {
        Numbers numbers;
        const auto find = [&](const std::string& id) {
            const std::optional<std::uint32_t> number = segment.index->find(id);
            const bool found = number && segment.holds(*number);
            if (found) numbers.push_back(*number);
            return found;
        };
        for (const std::string& id : taken_out) removed += find(id) ? 1 : 0;
        for (const std::string& id : upserted) {
            if (!taken_out.contains(id)) find(id);
        }
        take_out(segment, std::move(numbers));
    }
    check_symbols(segments, symbols);
    if (!many && !upserts.empty()) {
        const std::size_t unchanging = std::max<std::size_t>(frozen_, 1);
        if (segments.size() > unchanging && segments.back().live() < kSmallEntries) {
            segments.back().append_entries(upserts);
            segments.pop_back();
        }
        added = make_segment(Index(std::move(upserts)));
    }
    if (added.index) segments.push_back(std::move(added));
    publish(std::move(segments));
    fold_failed_ = false;
    if (wants_folding()) {
        start_folding();
    } else {
        settled_.notify_all();  // this change may have been what there was to fold
    }
    return removed;
}

// Precondition: change_ is held.
void LiveIndex::start_folding() {
    if (!folder_.joinable()) folder_ = std::thread([this] { fold(); });
    work_.notify_one();
}

// Precondition: change_ is held.
bool LiveIndex::wants_folding() const {
    if (fold_failed_) return false;
    const auto segments = state()->segments();
    if (segments.size() > kManySegments) return true;
    std::size_t others = segments.front().index->size() - segments.front().live();
    for (const Segment& segment : segments.subspan(1)) others += segment.index->size();
    return others > kSmallEntries && others * kFoldShare > segments.front().live();
}

void LiveIndex::fold() {
    std::unique_lock lock(change_);
    for (;;) {
        work_.wait(lock, [this] { return stopping_ || wants_folding(); });
        if (stopping_) return;

        const std::shared_ptr<const State> before = state();
        const std::uint64_t replacements = replacements_;
        const auto segments = before->segments();
        // The first one joins in when the others are no longer small beside it.
        std::size_t others = segments.front().index->size() - segments.front().live();
        for (const Segment& segment : segments.subspan(1)) others += segment.index->size();
        const std::size_t kept = others * kFoldShare > segments.front().live() ? 0 : 1;
        const std::size_t folded = segments.size();
        frozen_ = folded;
        lock.unlock();

        Segment merged;
        try {
            const Interruptible until_stopped([this] {
                const std::scoped_lock stopping(change_);
                if (stopping_) throw std::runtime_error("the index is gone");
            });
            std::vector<IndexEntry> entries;
            for (const Segment& segment : segments.subspan(kept)) segment.append_entries(entries);
            merged = make_segment(Index(std::move(entries)));
        } catch (const std::exception&) {
            // No memory, or a damaged snapshot that repeats an id: the answers stay as they are without.
        }

        lock.lock();
        if (replacements != replacements_) continue;  // a whole list has taken their place
        if (!merged.index) {
            frozen_ = 0;
            fold_failed_ = true;  // until the next change
            settled_.notify_all();
            continue;
        }
        const std::shared_ptr<const State> now = state();
        std::vector<Segment> after(now->segments().begin(),
                                   now->segments().begin() + static_cast<std::ptrdiff_t>(kept));
        // What was taken out meanwhile is taken out of the merged one too.
        Numbers gone;
        for (std::size_t i = kept; i < folded; ++i) {
            const Segment &then = segments[i], &current = now->segments()[i];
            if (!current.removed) continue;
            for (const std::uint32_t number : *current.removed) {
                if (!then.holds(number)) continue;
                if (const auto place = merged.index->find(current.index->id(number))) gone.push_back(*place);
            }
        }
        take_out(merged, std::move(gone));
        after.push_back(std::move(merged));
        after.insert(after.end(), now->segments().begin() + static_cast<std::ptrdiff_t>(folded),
                     now->segments().end());
        frozen_ = 0;
        publish(std::move(after));
        settled_.notify_all();
    }
}

void LiveIndex::settle() {
    for (;;) {
        {
            std::unique_lock lock(change_);
            const auto settled = [this] { return frozen_ == 0 && !wants_folding(); };
            if (!settled() && frozen_ == 0) start_folding();
            if (settled_.wait_for(lock, Interruptible::kInterval, settled)) return;
        }
        poll();
    }
}

}  // namespace platewatch
