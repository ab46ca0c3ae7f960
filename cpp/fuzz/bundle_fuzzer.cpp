// A list from somebody who does not mean well: changed anywhere behind checksums that are right, or no list
// at all. It is refused, or used without leaving its memory; and so is what is said of a read.
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "platewatch.h"
#include "platewatch/bundle/bundle.hpp"
#include "platewatch/bundle/manifest.hpp"
#include "platewatch/bundle/payload.hpp"
#include "platewatch/text/normalize.hpp"
#include "tests/population.hpp"

namespace platewatch::fuzz {
namespace {

std::string make_payload() {
    const auto population = std::make_shared<const PopulationTrie>(small_population());
    const auto table = std::make_shared<const ScoringTable>(small_table(), population);
    const ScoringModel model(table, {{"engine", table}}, {{"camera", table}}, {}, 0.4);
    const Policy policy{.categories = {{"stolen", {}}}};
    std::vector<IndexEntry> entries;
    for (const std::string plate : {"10가0012", "10거0012", "서울22거1012", "121212121212"}) {
        IndexEntry& entry = entries.emplace_back();
        entry.id = plate;
        entry.category = "stolen";
        if (normalize(plate, TextKind::plate, entry.plate) != TextError::none) fail("no plate");
    }
    Pattern pattern;
    if (parse_pattern("1?가?012", pattern) != PatternError::none) fail("no pattern");
    entries.emplace_back().id = "pattern";
    entries.back().pattern = pattern;
    std::string path = "/tmp/platewatch-fuzz-XXXXXX";
    const int file = ::mkstemp(path.data());
    if (file < 0) fail("no file");
    write_payload(path, Index(std::move(entries)), 2, &model, &policy);
    const FileBytes bytes = FileBytes::map(path);
    std::string out(reinterpret_cast<const char*>(bytes.bytes.get()), bytes.size);
    ::unlink(path.c_str());
    ::close(file);
    return out;
}

void use(pw_list* list, std::string_view text) {
    pw_matcher* matcher = nullptr;
    pw_session* session = nullptr;
    if (pw_matcher_new(list, &matcher) == PW_OK && pw_session_new(matcher, &session) == PW_OK) {
        const pw_alternative other = {text.data(), static_cast<std::uint32_t>(text.size()), 0, 0.3};
        const pw_character character = {text.data(), static_cast<std::uint32_t>(text.size()), 1, &other, 0.6};
        pw_read read = PW_READ_INIT;
        read.time = 0;
        for (const std::string_view of :
             {text, std::string_view("10거0012"), std::string_view("서울22거1012")}) {
            read.text = of.data();
            read.text_size = static_cast<std::uint32_t>(of.size());
            read.characters = &character;
            read.character_count = 1;
            pw_options options = PW_OPTIONS_INIT;
            options.flags = PW_ALTERNATIVES;
            pw_matches matches;
            const pw_status status = pw_match_read(session, &read, &options, &matches);
            Symbols canonical;
            const bool is_text = normalize(of, TextKind::read, canonical) == TextError::none;
            if (status != PW_OK && status != PW_ERROR_NO_MODEL && (status != PW_ERROR_TEXT || is_text))
                fail("a match is refused: " + std::string(pw_last_error()));
            pw_explanation why;
            static_cast<void>(pw_explain(session, &read, "10가0012", &why));
        }
    }
    pw_session_free(session);
    pw_matcher_free(matcher);
}

void check(std::string_view file, std::string_view text) {
    const FileBytes memory = FileBytes::room(file.size());
    std::memcpy(memory.writable().data(), file.data(), file.size());
    pw_list* list = nullptr;
    if (pw_list_map(memory.bytes.get(), file.size(), nullptr, &list) == PW_OK) use(list, text);
    pw_list_close(list);
}

void check(Bytes bytes) {
    static const std::string payload = make_payload();
    if (bytes.one_in(8)) {
        const auto rest = bytes.rest();
        const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
        check(text, text);
        try {
            static_cast<void>(parse_manifest(text));
        } catch (const ManifestError&) {
        }
        return;
    }
    SnapshotHeader header;
    std::memcpy(&header, payload.data(), sizeof header);
    std::vector<SnapshotSection> table(header.sections);
    std::memcpy(table.data(), payload.data() + sizeof header, table.size() * sizeof table[0]);
    std::string changed = payload;
    for (std::size_t changes = 1 + bytes.below(6); changes > 0; --changes) {
        const SnapshotSection& section = table[bytes.below(table.size())];
        const std::size_t place = bytes.below(65536);
        std::uint32_t number = 0;
        const std::size_t size = bytes.one_in(2) ? 4 : 1;
        for (std::size_t i = 0; i < size; ++i) number = number << 8 | bytes.next();
        if (section.bytes < size) continue;
        const auto at = static_cast<std::size_t>(section.offset) +
                        place % (static_cast<std::size_t>(section.bytes) - size + 1);
        std::memcpy(changed.data() + at, &number, size);
    }
    const auto rest = bytes.rest();
    check(changed, {reinterpret_cast<const char*>(rest.data()), rest.size()});
}

}  // namespace
}  // namespace platewatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    platewatch::fuzz::check(platewatch::fuzz::Bytes(data, size));
    return 0;
}
