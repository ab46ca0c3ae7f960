#include "c_api/status.hpp"

#include <array>
#include <new>
#include <stdexcept>
#include <system_error>

#include "platewatch/bundle/key_ring.hpp"

namespace platewatch::c {
namespace {

thread_local std::array<char, 256> last_error = {};

constexpr std::string_view kNoMemory = "there is no memory";

pw_status status_of(BundleRefused::Why why) noexcept {
    using Why = BundleRefused::Why;
    switch (why) {
        case Why::not_signed:
            return PW_ERROR_UNSIGNED;
        case Why::wrong_signature:
            return PW_ERROR_SIGNATURE;
        case Why::revoked_key:
            return PW_ERROR_REVOKED;
        case Why::expired:
            return PW_ERROR_EXPIRED;
        case Why::foreign:
            return PW_ERROR_FOREIGN;
        case Why::rolled_back:
            return PW_ERROR_ROLLBACK;
        case Why::sealed:
            return PW_ERROR_SEALED;
        case Why::delta:
            return PW_ERROR_DELTA;
        case Why::revoker:
            return PW_ERROR_REVOKER;
    }
    return PW_ERROR_INTERNAL;
}

}  // namespace

pw_status fail(pw_status status, std::string_view what) noexcept {
    const std::size_t size = std::min(what.size(), last_error.size() - 1);
    std::copy_n(what.begin(), size, last_error.begin());
    last_error[size] = '\0';
    return status;
}

#if defined(__cpp_exceptions)

pw_status fail_by_exception() noexcept {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return fail(PW_ERROR_MEMORY, kNoMemory);
    } catch (const EntryRefused& error) {
        return fail(PW_ERROR_ENTRY, error.what());
    } catch (const WriteFailed& error) {
        return fail(PW_ERROR_WRITE, error.what());
    } catch (const BundleRefused& error) {
        return fail(status_of(error.why), error.what());
    } catch (const UnknownFormat& error) {
        return fail(PW_ERROR_FORMAT, error.what());
    } catch (const SnapshotError& error) {
        return fail(PW_ERROR_DAMAGED, error.what());
    } catch (const ManifestError& error) {
        return fail(PW_ERROR_FORMAT, error.what());
    } catch (const std::system_error& error) {
        return fail(PW_ERROR_FILE, error.what());
    } catch (const std::exception& error) {
        return fail(PW_ERROR_INTERNAL, error.what());
    } catch (...) {
        return fail(PW_ERROR_INTERNAL, "an exception of a kind that is not known");
    }
}

#else

pw_status fail_by_leaving(const Call& call) noexcept {
    switch (call.ending) {
        case Ending::said:
            return fail(call.detail, call.what());
        case Ending::memory:
            return fail(PW_ERROR_MEMORY, kNoMemory);
        case Ending::file:
            return fail(PW_ERROR_FILE, call.what());
        case Ending::damaged:
        case Ending::logic:  // of a table or a population that cannot be one
            return fail(PW_ERROR_DAMAGED, call.what());
        case Ending::format:
        case Ending::manifest:
            return fail(PW_ERROR_FORMAT, call.what());
        case Ending::bundle:
            return fail(status_of(static_cast<BundleRefused::Why>(call.detail)), call.what());
    }
    return fail(PW_ERROR_INTERNAL, call.what());
}

#endif

}  // namespace platewatch::c

uint32_t pw_abi_version(void) { return PW_ABI_VERSION; }
const char* pw_version(void) { return PLATEWATCH_VERSION; }
const char* pw_last_error(void) { return platewatch::c::last_error.data(); }
