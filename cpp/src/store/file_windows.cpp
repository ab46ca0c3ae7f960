#if defined(_WIN32)

#define NOMINMAX
#define WIN32_LEAN_AND_MEAN
#include <fcntl.h>
#include <io.h>
#include <share.h>
#include <sys/stat.h>
#include <windows.h>

#include <algorithm>
#include <cerrno>

#include "store/file.hpp"

namespace platewatch {
namespace {

constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;

// As the system takes it; empty, with errno, for what is not UTF-8.
std::wstring wide(const std::string& path) {
    const int bytes = static_cast<int>(path.size());
    const int size = ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), bytes, nullptr, 0);
    std::wstring out(static_cast<std::size_t>(std::max(size, 0)), L'\0');
    ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), bytes, out.data(), size);
    if (out.empty()) errno = path.empty() ? ENOENT : EILSEQ;
    return out;
}

int as_errno(DWORD error) noexcept {
    switch (error) {
        case ERROR_FILE_NOT_FOUND:
        case ERROR_PATH_NOT_FOUND:
            return ENOENT;
        case ERROR_ACCESS_DENIED:
        case ERROR_SHARING_VIOLATION:
        case ERROR_LOCK_VIOLATION:
        case ERROR_USER_MAPPED_FILE:
            return EACCES;
        case ERROR_DISK_FULL:
        case ERROR_HANDLE_DISK_FULL:
            return ENOSPC;
        case ERROR_WRITE_PROTECT:
            return EROFS;
        default:
            return EIO;
    }
}

int open_wide(const std::wstring& path, int flags, int mode) noexcept {
    int descriptor = -1;
    if (!path.empty())
        ::_wsopen_s(&descriptor, path.c_str(), flags | _O_BINARY | _O_NOINHERIT, _SH_DENYNO, mode);
    return descriptor;
}

}  // namespace

Pages::~Pages() {
    if (!empty()) ::VirtualFree(bytes_.data(), 0, MEM_RELEASE);
}

Pages Pages::room(std::size_t size) noexcept {
    void* const memory = ::VirtualAlloc(nullptr, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (memory != nullptr) return Pages({static_cast<std::byte*>(memory), size});
    errno = ENOMEM;
    return Pages();
}

void let_go_of(std::span<const std::byte>) noexcept {}
void read_nothing_ahead(std::span<const std::byte>) noexcept {}

InputFile::InputFile(const char* path) noexcept {
    const std::wstring name = wide(path);
    if (name.empty()) return;
    const DWORD attributes = ::GetFileAttributesW(name.c_str());
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
        is_ = Is::directory;
        return;
    }
    descriptor_ = open_wide(name, _O_RDONLY, 0);
    struct _stat64 status;
    if (descriptor_ < 0 || ::_fstat64(descriptor_, &status) != 0) return;
    if ((status.st_mode & _S_IFMT) != _S_IFREG) {
        is_ = Is::no_file;
    } else if (!std::in_range<std::size_t>(status.st_size)) {
        is_ = Is::too_large;
    } else {
        size_ = static_cast<std::size_t>(status.st_size);
        is_ = size_ == 0 ? Is::empty : Is::open;
    }
}

InputFile::~InputFile() {
    if (descriptor_ >= 0) ::_close(descriptor_);
}

// A copy: what is mapped could not be replaced here.
Pages InputFile::map() const noexcept {
    Pages pages = Pages::room(size_);
    return pages.empty() || read(pages.bytes()) ? std::move(pages) : Pages();
}

bool InputFile::read(std::span<std::byte> out) const noexcept {
    while (!out.empty()) {
        const int got =
            ::_read(descriptor_, out.data(), static_cast<unsigned>(std::min(out.size(), kMostAtOnce)));
        if (got <= 0) return got == 0;
        out = out.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

OutputFile::OutputFile(std::string path, std::string other_name, For whom)
    : path_(std::move(path)),
      other_name_(std::move(other_name)),
      descriptor_(open_wide(wide(other_name_),
                            _O_WRONLY | _O_CREAT | (whom == For::owner ? _O_TRUNC : _O_EXCL),
                            _S_IREAD | _S_IWRITE)) {}

OutputFile::~OutputFile() {
    if (descriptor_ < 0) return;
    ::_close(descriptor_);
    if (!is_put_) static_cast<void>(remove_file(other_name_.c_str()));
}

bool OutputFile::write(std::span<const std::byte> bytes) const noexcept {
    while (!bytes.empty()) {
        const int written =
            ::_write(descriptor_, bytes.data(), static_cast<unsigned>(std::min(bytes.size(), kMostAtOnce)));
        if (written < 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

// What is open cannot be renamed.
bool OutputFile::put() noexcept {
    if (::_commit(descriptor_) != 0) return false;
    ::_close(std::exchange(descriptor_, -1));
    is_put_ = ::MoveFileExW(wide(other_name_).c_str(), wide(path_).c_str(),
                            MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) != 0;
    if (is_put_) return true;
    const int error = as_errno(::GetLastError());
    static_cast<void>(remove_file(other_name_.c_str()));
    errno = error;
    return false;
}

bool remove_file(const char* path) noexcept {
    const std::wstring name = wide(path);
    return !name.empty() && ::_wunlink(name.c_str()) == 0;
}

}  // namespace platewatch

#endif
