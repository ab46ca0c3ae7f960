// A list in use, swapped as a whole.
#include <utility>

#include "c_api/handles.hpp"
#include "c_api/status.hpp"

using namespace platewatch;
using namespace platewatch::c;

pw_matcher::pw_matcher(DeviceList list) : generation_(std::make_shared<Generation>(std::move(list))) {}

void pw_matcher::use(DeviceList list) {
    auto next = std::make_shared<Generation>(std::move(list));
    settle();
    {
        const std::scoped_lock lock(known_);
        generation_.swap(next);
    }
    changes.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<Generation> pw_matcher::generation() const {
    const std::scoped_lock lock(known_);
    return generation_;
}

pw_status pw_matcher_new(const pw_list* list, pw_matcher** matcher) {
    return guarded([&] {
        checked_pointer(matcher) = nullptr;
        *matcher = new pw_matcher(list == nullptr ? DeviceList(Payload()) : list->contents);
    });
}

pw_status pw_matcher_swap(pw_matcher* matcher, const pw_list* list) {
    return guarded([&] { checked_pointer(matcher).use(checked_pointer(list).contents); });
}

pw_status pw_matcher_get_info(const pw_matcher* matcher, pw_list_info* info) {
    return guarded([&] {
        const auto generation = checked_pointer(matcher).generation();
        pw_list_info& out = checked(info);
        out.max_edits = generation->max_edits;
        out.entries = generation->live.state()->size();
        out.has_model = generation->model ? 1 : 0;
        out.has_policy = generation->policy ? 1 : 0;
    });
}

void pw_matcher_free(pw_matcher* matcher) { delete matcher; }
