#include "platewatch/search/kernel.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "platewatch/base/raise.hpp"
#include "search/kernels/kernels.hpp"

namespace platewatch {
namespace {

const Kernel& choose() {
    const char* forced = std::getenv("PLATEWATCH_KERNEL");
    const Kernel* chosen = nullptr;
    for (const Kernel* kernel : kernels()) {
        if (kernel->supported() && (forced == nullptr || std::string_view(forced) == kernel->name))
            chosen = kernel;
    }
    if (chosen == nullptr) {
        std::string usable;
        for (const Kernel* kernel : kernels()) {
            if (kernel->supported()) usable += std::string(usable.empty() ? "" : ", ") + kernel->name;
        }
        raise<std::invalid_argument>("PLATEWATCH_KERNEL is '" + std::string(forced) +
                                     "'; this machine runs " + usable);
    }
    return *chosen;
}

}  // namespace

std::span<const Kernel* const> kernels() noexcept {
    static constexpr auto kAll = std::to_array<const Kernel*>({
        &kSerialKernel,
#if defined(PLATEWATCH_SMALL)
#elif defined(__x86_64__)
        &kHaswellKernel,
        &kIcelakeKernel,
#elif defined(__aarch64__)
        &kNeonKernel,
#endif
    });
    return kAll;
}

// Threads that come first together choose the same.
const Kernel& active_kernel() {
    static constinit std::atomic<const Kernel*> active = nullptr;
    const Kernel* chosen = active.load(std::memory_order_relaxed);
    if (chosen == nullptr) {
        chosen = &choose();
        active.store(chosen, std::memory_order_relaxed);
    }
    return *chosen;
}

}  // namespace platewatch
