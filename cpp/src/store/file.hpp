// Files as far as systems differ: file_posix.cpp, file_windows.cpp. Paths are UTF-8 where the system's are
// not bytes. What fails says why in errno, raises nothing and holds nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace platewatch {

// Whole pages of memory: a mapped file, or room for a copy. Given back at the end.
class Pages {
  public:
    Pages() = default;
    explicit Pages(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}
    Pages(Pages&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    Pages& operator=(Pages&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Pages();

    // Zeros, in huge pages where the system has them; empty if there is no memory.
    [[nodiscard]] static Pages room(std::size_t size) noexcept;

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
    [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }

  private:
    std::span<std::byte> bytes_;
};

// Advice about parts of a mapped file, which begin and end with a page.
void let_go_of(std::span<const std::byte> pages) noexcept;
void read_nothing_ahead(std::span<const std::byte> pages) noexcept;

// A regular file, to be read.
class InputFile {
  public:
    enum class Is : std::uint8_t { open, not_opened, directory, no_file, too_large, empty };

    explicit InputFile(const char* path) noexcept;
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;
    ~InputFile();

    [[nodiscard]] Is is() const noexcept { return is_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // Empty if it fails.
    [[nodiscard]] Pages map() const noexcept;
    // What comes next. What a file that is cut short meanwhile no longer has stays as it was.
    [[nodiscard]] bool read(std::span<std::byte> out) const noexcept;

  private:
    int descriptor_ = -1;
    std::size_t size_ = 0;
    Is is_ = Is::not_opened;
};

// A file that is written under another name, and takes its own when it is whole and on disk.
class OutputFile {
  public:
    enum class For : std::uint8_t {
        everyone,  // to read; there must be no file with the other name
        owner,     // what is left under the other name is written over
    };

    OutputFile(std::string path, std::string other_name, For whom);
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    // Removes it unless it took its own name.
    ~OutputFile();

    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    [[nodiscard]] bool write(std::span<const std::byte> bytes) const noexcept;
    // The last step, after which `path` is the new file for good. If it fails, `path` is what it was, unless
    // only the name could not be made durable.
    [[nodiscard]] bool put() noexcept;

  private:
    std::string path_, other_name_;
    [[maybe_unused]] int directory_ = -1;  // where the name has to be made durable, too
    int descriptor_ = -1;
    bool is_put_ = false;
};

[[nodiscard]] bool remove_file(const char* path) noexcept;

}  // namespace platewatch
