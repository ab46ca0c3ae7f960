#include "platewatch/search/kernel.hpp"

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "search/kernels/kernels.hpp"

namespace platewatch {
namespace {

const Kernel& choose() {
    const char* forced = std::getenv("PLATEWATCH_KERNEL");
    const Kernel* chosen = nullptr;
    std::string usable;
    for (const Kernel& kernel : kernels()) {
        if (!kernel.supported()) continue;
        usable += std::string(usable.empty() ? "" : ", ") + kernel.name;
        if (forced == nullptr || std::string_view(forced) == kernel.name) chosen = &kernel;
    }
    if (chosen == nullptr) {
        throw std::invalid_argument("PLATEWATCH_KERNEL is '" + std::string(forced) + "'; this machine runs " +
                                    usable);
    }
    return *chosen;
}

}  // namespace

std::span<const Kernel> kernels() noexcept {
    static const auto table = std::to_array<Kernel>({
        kSerialKernel,
#if defined(__x86_64__)
        kHaswellKernel,
        kIcelakeKernel,
#elif defined(__aarch64__)
        kNeonKernel,
#endif
    });
    return table;
}

const Kernel& active_kernel() {
    static const Kernel& chosen = choose();
    return chosen;
}

}  // namespace platewatch
