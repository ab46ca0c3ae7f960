// What scoring asks about the entries that a read matches, by their numbers; the hotlist answers.
#pragma once

#include <cstdint>
#include <string_view>

#include "platewatch/text/symbols.hpp"

namespace platewatch {

class Wanted {
  public:
    // In UTF-8; a pattern's plate is its canonical text.
    [[nodiscard]] virtual std::string_view plate(std::uint32_t entry) const noexcept = 0;
    // The same, for an entry that is no pattern; empty where a snapshot that nobody verified holds none.
    virtual void plate(std::uint32_t entry, Symbols& out) const noexcept = 0;
    // How often the vehicle passes, relative to an ordinary one.
    [[nodiscard]] virtual float weight(std::uint32_t entry) const noexcept = 0;
    [[nodiscard]] virtual bool is_pattern(std::uint32_t entry) const noexcept = 0;
    // Whether the id of one entry is less than that of another, by code point.
    [[nodiscard]] virtual bool id_is_less(std::uint32_t a, std::uint32_t b) const noexcept = 0;

  protected:
    Wanted() = default;
    Wanted(const Wanted&) = default;
    Wanted& operator=(const Wanted&) = default;
    ~Wanted() = default;
};

}  // namespace platewatch
