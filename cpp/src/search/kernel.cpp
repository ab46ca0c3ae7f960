#include "platewatch/search/kernel.hpp"

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "platewatch/search/distance.hpp"
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

void scan_serially(const Scan<Key16>* scans, std::size_t size, unsigned k, Found<Key16> found,
                   void* context) {
    for (const Scan<Key16>& scan : std::span(scans, size)) {
        for (std::uint32_t first = 0; first < scan.count; first += kKernelBlock) {
            std::uint64_t mask = 0;
            for (std::uint32_t i = 0; i < kKernelBlock && first + i < scan.count; ++i) {
                const bool within =
                    bounded_distance(scan.read, drop(scan.keys[first + i], scan.skip), k) <= k;
                mask |= std::uint64_t{within} << i;
            }
            if (mask != 0) found(context, scan, first, mask);
        }
    }
}

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
