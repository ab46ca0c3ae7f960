// Small lists and bundles in files, for the tests of the C API.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch.h"
#include "platewatch/bundle/bundle.hpp"
#include "platewatch/bundle/delta.hpp"
#include "platewatch/bundle/payload.hpp"
#include "platewatch/store/crc32c.hpp"
#include "tests/population.hpp"
#include "tests/scored.hpp"

namespace platewatch {

class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "platewatch-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no folder";
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }
    [[nodiscard]] std::string path() const { return path_.string(); }

  private:
    std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void put_file(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

inline ScoringModel small_model() {
    const auto population = std::make_shared<const PopulationTrie>(small_population());
    const auto general = std::make_shared<const ScoringTable>(small_table(), population);
    const ChannelTable table = small_table();
    ChannelRates other = table.rates();
    other.level = {0.1, 0.2, 0.3, 0.4};
    const auto symbols = table.symbols();
    const auto engine = std::make_shared<const ScoringTable>(
        ChannelTable({symbols.begin(), symbols.end()}, {0.5}, other), population);
    return {general,
            {{"engine", engine}},
            {{"camera", engine}},
            {{"", {{"far", Levels::of([](std::size_t l) { return l == 3 ? 1.0 : 0.0; })}}}},
            0.4};
}

inline Policy small_policy() {
    return {.general = {.notify = 0.5, .check = 0.05},
            .categories = {{"stolen", {.notify = 0.9, .check = 0.3}}}};
}

// Of the plates of tests/population.hpp.
inline Entries small_entries() {
    Entries entries = {wanted("10가0012"), wanted("10거0012"),     wanted("1가1012"),
                       wanted("2?가?012"), wanted("서울22거1012"), wanted("121212121212")};
    entries[0].category = "stolen";
    entries[1].weight = 2;
    entries[2].exact = true;
    entries[5].validity = {100, 200};
    return entries;
}

inline std::string snapshot(const Folder& folder, Entries entries = small_entries()) {
    const std::string path = folder / "list.snapshot";
    const Index index(std::move(entries));
    const ScoringModel model = small_model();
    const Policy policy = small_policy();
    write_payload(path, index, 2, &model, &policy);
    return read_file(path);
}

// A manifest of one version, with other fields in front, such as `"revoked": ["a"], `.
struct Issue {
    std::int64_t version = 1, issued = 1000, expires = 2000;
    std::string key = "a", agency = "police", group = "north", more = {}, kind = "full";
};

inline std::string manifest_of(const Issue& issue, std::string_view payload) {
    return "{\"format\": \"platewatch bundle 1\", " + issue.more + "\"kind\": \"" + issue.kind +
           "\", \"version\": " + std::to_string(issue.version) + ", \"agency\": \"" + issue.agency +
           "\", \"group\": \"" + issue.group + "\", \"issued\": " + std::to_string(issue.issued) +
           ", \"expires\": " + std::to_string(issue.expires) + ", \"algorithm\": \"ed25519\", \"key\": \"" +
           issue.key + "\", \"payload_sha256\": \"" + to_hex(sha256(std::as_bytes(std::span(payload)))) +
           "\", \"payload_bytes\": " + std::to_string(payload.size()) + "}";
}

// What stands for a signature in tests: a digest of the key and the message.
inline std::string signature_of(std::string_view key, std::string_view message) {
    Sha256 sum;
    sum.add(std::as_bytes(std::span(key)));
    sum.add(std::as_bytes(std::span(message)));
    const Digest digest = sum.finish();
    return {digest.begin(), digest.end()};
}

inline std::string bundle_of(std::string_view manifest, std::string_view signature,
                             std::string_view payload) {
    BundleHeader header;
    header.manifest_bytes = static_cast<std::uint32_t>(manifest.size());
    header.signature_bytes = static_cast<std::uint32_t>(signature.size());
    std::string text(manifest);
    text += signature;
    const std::size_t end = sizeof header + text.size();
    header.payload_offset = (end + kBundleAlignment - 1) / kBundleAlignment * kBundleAlignment;
    header.payload_bytes = payload.size();
    header.file_bytes = header.payload_offset + payload.size();
    const auto bytes = std::as_bytes(std::span(&header, 1));
    header.checksum =
        crc32c(std::as_bytes(std::span(text)), crc32c(bytes.first(offsetof(BundleHeader, checksum))));
    std::string out(reinterpret_cast<const char*>(&header), sizeof header);
    out += text;
    out.resize(static_cast<std::size_t>(header.payload_offset));
    out += payload;
    return out;
}

inline std::string signed_bundle(const Issue& issue, std::string_view payload) {
    const std::string manifest = manifest_of(issue, payload);
    return bundle_of(manifest, signature_of(issue.key, std::string(kSignedAs) + manifest), payload);
}

// A full bundle and what it is of.
struct Version {
    std::string payload, manifest, file;
};

inline std::string digest_of(const std::string& manifest) {
    return to_hex(sha256(std::as_bytes(std::span(manifest))));
}

inline Version version_of(const Issue& issue, std::string payload) {
    Version out{std::move(payload), {}, {}};
    out.manifest = manifest_of(issue, out.payload);
    out.file =
        bundle_of(out.manifest, signature_of(issue.key, std::string(kSignedAs) + out.manifest), out.payload);
    return out;
}

inline std::shared_ptr<const Snapshot> opened(const std::string& payload) {
    const FileBytes memory = FileBytes::room(payload.size());
    std::memcpy(memory.writable().data(), payload.data(), payload.size());
    return std::make_shared<const Snapshot>(Snapshot::of(memory.bytes, memory.size, "a payload"));
}

inline std::string payload_of_delta(const Folder& folder, const Version& from, const Version& to) {
    const std::string path = folder / "delta.snapshot";
    write_delta(path, opened(from.payload), opened(to.payload), {to.manifest, "its signature"});
    return read_file(path);
}

inline Issue as_delta(Issue issue, const Version& from, const Version& to) {
    issue.kind = "delta";
    issue.more += "\"previous\": \"" + digest_of(from.manifest) + "\", \"result\": \"" +
                  digest_of(to.manifest) + "\", ";
    return issue;
}

// Knows the keys "a" and "b".
inline pw_keys keys() {
    pw_keys out = PW_KEYS_INIT;
    out.verify = [](void*, const char* algorithm, const char* key, const std::uint8_t* message,
                    std::size_t message_size, const std::uint8_t* signature, std::size_t signature_size) {
        const bool known = std::string_view(key) == "a" || std::string_view(key) == "b";
        const std::string_view said(reinterpret_cast<const char*>(message), message_size);
        const std::string_view given(reinterpret_cast<const char*>(signature), signature_size);
        return std::int32_t{known && std::string_view(algorithm) == "ed25519" &&
                            signature_of(key, said) == given};
    };
    // "Encrypted": every byte turned over, and a tag of sixteen times the key's first letter.
    out.decrypt = [](void*, const char* key, const std::uint8_t* nonce, std::size_t nonce_size,
                     const std::uint8_t* sealed, std::size_t size, std::uint8_t* text) {
        if (nonce_size != 12 || nonce[0] != 0x0A) return std::int32_t{0};
        for (std::size_t i = size - 16; i < size; ++i) {
            if (sealed[i] != static_cast<std::uint8_t>(key[0])) return std::int32_t{0};
        }
        for (std::size_t i = 0; i < size - 16; ++i) text[i] = static_cast<std::uint8_t>(~sealed[i]);
        return std::int32_t{1};
    };
    return out;
}

inline std::string sealed(std::string_view text) {
    std::string out;
    for (const char c : text) out += static_cast<char>(~c);
    return out + std::string(16, 's');
}
inline constexpr std::string_view kSealed =
    "\"encryption\": \"aes-256-gcm\", \"encryption_key\": \"s\", \"nonce\": \"0a0000000000000000000000\", ";

inline pw_read read_of(std::string_view text) {
    pw_read read = PW_READ_INIT;
    read.text = text.data();
    read.text_size = static_cast<std::uint32_t>(text.size());
    read.time = 150;
    return read;
}

struct CloseList {
    void operator()(pw_list* list) const { pw_list_close(list); }
};
struct FreeMatcher {
    void operator()(pw_matcher* matcher) const { pw_matcher_free(matcher); }
};
struct FreeSession {
    void operator()(pw_session* session) const { pw_session_free(session); }
};
struct CloseDevice {
    void operator()(pw_device* device) const { pw_device_close(device); }
};
using ListHandle = std::unique_ptr<pw_list, CloseList>;
using MatcherHandle = std::unique_ptr<pw_matcher, FreeMatcher>;
using SessionHandle = std::unique_ptr<pw_session, FreeSession>;
using DeviceHandle = std::unique_ptr<pw_device, CloseDevice>;

inline ListHandle open_list(const std::string& path, const pw_keys* of = nullptr) {
    pw_list* list = nullptr;
    EXPECT_EQ(pw_list_open(path.c_str(), of, &list), PW_OK) << pw_last_error();
    return ListHandle(list);
}
inline MatcherHandle make_matcher(const pw_list* list) {
    pw_matcher* matcher = nullptr;
    EXPECT_EQ(pw_matcher_new(list, &matcher), PW_OK) << pw_last_error();
    return MatcherHandle(matcher);
}
inline SessionHandle make_session(const MatcherHandle& matcher) {
    pw_session* session = nullptr;
    EXPECT_EQ(pw_session_new(matcher.get(), &session), PW_OK) << pw_last_error();
    return SessionHandle(session);
}

// What a match says, to the last bit.
struct Said {
    std::uint32_t read;
    std::string id, plate, category;
    std::uint32_t edits, grade, is_pattern;
    double log_likelihood, probability;
    friend bool operator==(const Said&, const Said&) = default;
};

inline std::vector<Said> said(const pw_matches& matches) {
    std::vector<Said> out;
    for (std::uint32_t i = 0; i < matches.count; ++i) {
        const pw_match& m = matches.matches[i];
        out.push_back({m.read,
                       {m.id, m.id_size},
                       {m.plate, m.plate_size},
                       {m.category, m.category_size},
                       m.edits,
                       m.grade,
                       m.is_pattern,
                       m.log_likelihood,
                       m.probability});
    }
    return out;
}

}  // namespace platewatch
