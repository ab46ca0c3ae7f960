#include "c_api/status.hpp"

#include <array>
#include <new>
#include <stdexcept>
#include <system_error>

#include "platewatch/bundle/device.hpp"

namespace platewatch::c {
namespace {

thread_local std::array<char, 256> last_error = {};

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

pw_status fail_by_exception() noexcept {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return fail(PW_ERROR_MEMORY, "there is no memory");
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

}  // namespace platewatch::c

uint32_t pw_abi_version(void) { return PW_ABI_VERSION; }
const char* pw_version(void) { return PLATEWATCH_VERSION; }
const char* pw_last_error(void) { return platewatch::c::last_error.data(); }
