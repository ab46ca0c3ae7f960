#include "platewatch/bundle/manifest.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <map>
#include <optional>
#include <variant>

#include "platewatch/base/raise.hpp"
#include "platewatch/text/symbols.hpp"
#include "text/utf8.hpp"

namespace platewatch {
namespace {

constexpr std::size_t kMostKeyName = 64;

using Texts = std::vector<std::string>;
using Value = std::variant<std::string, std::int64_t, Texts>;
using Object = std::map<std::string, Value, std::less<>>;

class Parser {
  public:
    explicit Parser(std::string_view json) : left_(json) {
        if (!decode_utf8(json, [](char32_t) {})) refuse("is not UTF-8");
    }

    Object object() {
        Object out;
        expect('{');
        if (!skip('}')) {
            do {
                std::string name = text();
                expect(':');
                if (!out.emplace(std::move(name), value()).second) refuse("says something twice");
            } while (skip(','));
            expect('}');
        }
        pass_blanks();
        if (!left_.empty()) refuse("goes on behind its end");
        return out;
    }

  private:
    [[noreturn]] static void refuse(const char* why) { raise<ManifestError>("", why); }
    void pass_blanks() { left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n"), left_.size())); }
    bool skip(char c) {
        pass_blanks();
        if (!left_.starts_with(c)) return false;
        left_.remove_prefix(1);
        return true;
    }
    void expect(char c) {
        if (!skip(c)) refuse("is not JSON of the kind that bundles have");
    }
    Value value() {
        pass_blanks();
        if (left_.starts_with('"')) return text();
        if (!skip('[')) return number();
        Texts texts;
        if (skip(']')) return texts;
        do texts.push_back(text());
        while (skip(','));
        expect(']');
        return texts;
    }
    std::int64_t number() {
        const bool negative = skip('-');
        constexpr std::int64_t kMost = std::int64_t{1} << 53;  // what JSON's readers agree on
        std::int64_t out = 0;
        std::size_t digits = 0;
        for (; digits < left_.size() && std::isdigit(static_cast<unsigned char>(left_[digits])); ++digits) {
            out = out * 10 + (left_[digits] - '0');
            if (out > kMost) refuse("has a number that is too large");
        }
        if (digits == 0 || (digits > 1 && left_[0] == '0'))
            refuse("is not JSON of the kind that bundles have");
        left_.remove_prefix(digits);
        return negative ? -out : out;
    }
    char32_t hex4() {
        char32_t out = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = next();
            const char low = static_cast<char>(c | 0x20);
            if (c >= '0' && c <= '9') {
                out = out << 4 | static_cast<char32_t>(c - '0');
            } else if (low >= 'a' && low <= 'f') {
                out = out << 4 | static_cast<char32_t>(low - 'a' + 10);
            } else {
                refuse("has a wrong escape");
            }
        }
        return out;
    }
    char next() {
        if (left_.empty()) refuse("is cut short");
        const char c = left_.front();
        left_.remove_prefix(1);
        return c;
    }
    std::string text() {
        expect('"');
        std::string out;
        for (;;) {
            const char c = next();
            if (c == '"') return out;
            if (static_cast<unsigned char>(c) < 0x20) refuse("has a control character in a text");
            if (c != '\\') {
                out += c;
                continue;
            }
            constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
            const char escape = next();
            if (escape != 'u') {
                const std::size_t which = kEscapes.find(escape);
                if (which == std::string_view::npos) refuse("has a wrong escape");
                out += kMeant[which];
                continue;
            }
            char32_t point = hex4();
            if (point - 0xD800 < 0x400 && left_.starts_with("\\u")) {
                left_.remove_prefix(2);
                const char32_t low = hex4();
                if (low - 0xDC00 >= 0x400) refuse("has a wrong escape");
                point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
            }
            if (is_surrogate(point)) refuse("has a wrong escape");
            append_utf8(point, out);
        }
    }

    std::string_view left_;
};

class Fields {
  public:
    explicit Fields(Object object) : object_(std::move(object)) {}

    [[noreturn]] static void refuse(std::string_view name, const char* why) {
        raise<ManifestError>(std::string(name), why);
    }
    std::string text(std::string_view name, bool needed) const {
        return get<std::string>(name, needed, "is no text");
    }
    std::int64_t number(std::string_view name, std::int64_t least) const {
        const auto value = get<std::int64_t>(name, true, "is no whole number");
        if (value < least) refuse(name, "is out of range");
        return value;
    }
    Texts texts(std::string_view name) const { return get<Texts>(name, false, "is no list of texts"); }
    // So many bytes in lower-case hexadecimal digits.
    std::string hex(std::string_view name, std::size_t bytes, bool needed) const {
        std::string value = text(name, needed);
        const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
        if ((needed || !value.empty()) &&
            (value.size() != 2 * bytes || !std::ranges::all_of(value, is_digit)))
            refuse(name, "is not so many bytes in hexadecimal");
        return value;
    }

  private:
    template <class T>
    T get(std::string_view name, bool needed, const char* otherwise) const {
        const auto found = object_.find(name);
        if (found == object_.end()) {
            if (needed) refuse(name, "is missing");
            return {};
        }
        const T* const value = std::get_if<T>(&found->second);
        if (value == nullptr) refuse(name, otherwise);
        return *value;
    }

    Object object_;
};

}  // namespace

Manifest parse_manifest(std::string_view json) {
    const Fields fields(Parser(json).object());
    if (fields.text("format", true) != Manifest::kFormat)
        Fields::refuse("format", "is not one that this platewatch reads");
    Manifest out;
    out.kind = fields.text("kind", true);
    if (out.kind != "full" && out.kind != "delta") Fields::refuse("kind", "is neither full nor delta");
    out.version = fields.number("version", 1);
    out.agency = fields.text("agency", true);
    out.group = fields.text("group", true);
    out.issued = fields.number("issued", 0);
    out.expires = fields.number("expires", 0);
    if (out.expires <= out.issued) Fields::refuse("expires", "is not after issued");
    out.previous = fields.hex("previous", 32, out.kind == "delta");
    out.result = fields.hex("result", 32, out.kind == "delta");
    if (out.kind != "delta" && !out.result.empty()) Fields::refuse("result", "belongs to a delta");
    out.payload_sha256 = fields.hex("payload_sha256", 32, true);
    out.payload_bytes = fields.number("payload_bytes", 0);
    out.algorithm = fields.text("algorithm", false);
    out.key = fields.text("key", !out.algorithm.empty());
    if (out.algorithm.empty() != out.key.empty()) Fields::refuse("key", "belongs to an algorithm");
    out.revoked = fields.texts("revoked");
    const auto is_name = [](const std::string& name) {
        return !name.empty() && name.size() <= kMostKeyName &&
               std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7F; });
    };
    if (!out.key.empty() && !is_name(out.key)) Fields::refuse("key", "is no name of a key");
    if (!std::ranges::all_of(out.revoked, is_name)) Fields::refuse("revoked", "has what is no name of a key");
    if (!out.key.empty() && std::ranges::find(out.revoked, out.key) != out.revoked.end())
        Fields::refuse("revoked", "names the key that signs");
    out.encryption = fields.text("encryption", false);
    out.encryption_key = fields.text("encryption_key", !out.encryption.empty());
    if (out.encryption_key.empty() != out.encryption.empty())
        Fields::refuse("encryption_key", "belongs to an encryption");
    out.nonce = fields.hex("nonce", 12, !out.encryption.empty());
    return out;
}

}  // namespace platewatch
