#if !defined(_WIN32)

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "store/file.hpp"

namespace platewatch {
namespace {

void close_if_open(int descriptor) noexcept {
    if (descriptor >= 0) ::close(descriptor);
}

Pages pages_or_none(void* mapped, std::size_t size) noexcept {
    return mapped == MAP_FAILED ? Pages() : Pages({static_cast<std::byte*>(mapped), size});
}

bool sync(int descriptor) noexcept {
    int result;
    do {
#if defined(__APPLE__)  // whose fsync leaves it in the drive's memory; not every file system has the other
        result = ::fcntl(descriptor, F_FULLFSYNC);
        if (result != 0 && errno != EINTR) result = ::fsync(descriptor);
#else
        result = ::fsync(descriptor);
#endif
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

}  // namespace

Pages::~Pages() {
    if (!empty()) ::munmap(bytes_.data(), bytes_.size());
}

Pages Pages::room(std::size_t size) noexcept {
    Pages pages = pages_or_none(
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
#if defined(__linux__)
    if (!pages.empty()) ::madvise(pages.bytes().data(), size, MADV_HUGEPAGE);  // as HugePageAllocator
#endif
    return pages;
}

// Advice: where it is not taken, nothing is lost.
void let_go_of(std::span<const std::byte> pages) noexcept {
    if (!pages.empty()) ::madvise(const_cast<std::byte*>(pages.data()), pages.size(), MADV_DONTNEED);
}

void read_nothing_ahead(std::span<const std::byte> pages) noexcept {
    if (!pages.empty()) ::madvise(const_cast<std::byte*>(pages.data()), pages.size(), MADV_RANDOM);
}

InputFile::InputFile(const char* path) noexcept
    // O_NONBLOCK: a named pipe without a writer is refused rather than waited for.
    : descriptor_(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat status;
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) return;
    if (S_ISDIR(status.st_mode)) {
        is_ = Is::directory;
    } else if (!S_ISREG(status.st_mode)) {
        is_ = Is::no_file;
    } else if (!std::in_range<std::size_t>(status.st_size)) {
        is_ = Is::too_large;
    } else {
        size_ = static_cast<std::size_t>(status.st_size);
        is_ = size_ == 0 ? Is::empty : Is::open;
    }
}

InputFile::~InputFile() { close_if_open(descriptor_); }

Pages InputFile::map() const noexcept {
    return pages_or_none(::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor_, 0), size_);
}

bool InputFile::read(std::span<std::byte> out) const noexcept {
    while (!out.empty()) {
        const ssize_t got = ::read(descriptor_, out.data(), out.size());
        if (got == 0) return true;
        if (got > 0) {
            out = out.subspan(static_cast<std::size_t>(got));
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

OutputFile::OutputFile(std::string path, std::string other_name, For whom)
    : path_(std::move(path)), other_name_(std::move(other_name)) {
    // The directory first: one that cannot be opened is then known before anything happened.
    const std::size_t slash = path_.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    directory_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_ < 0) return;
    const bool is_for_owner = whom == For::owner;
    descriptor_ =
        ::open(other_name_.c_str(), O_WRONLY | O_CREAT | (is_for_owner ? O_TRUNC : O_EXCL) | O_CLOEXEC,
               is_for_owner ? 0600 : 0644);
}

OutputFile::~OutputFile() {
    if (is_open() && !is_put_) ::unlink(other_name_.c_str());
    close_if_open(descriptor_);
    close_if_open(directory_);
}

bool OutputFile::write(std::span<const std::byte> bytes) const noexcept {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool OutputFile::put() noexcept {
    if (!sync(descriptor_)) return false;
    is_put_ = std::rename(other_name_.c_str(), path_.c_str()) == 0;
    return is_put_ && sync(directory_);
}

bool remove_file(const char* path) noexcept { return ::unlink(path) == 0; }

}  // namespace platewatch

#endif
