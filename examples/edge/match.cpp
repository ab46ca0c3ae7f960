// The same device in C++, by the core itself: match LIST < READS.
#include <iostream>
#include <memory>
#include <platewatch/bundle/bundle.hpp>
#include <platewatch/bundle/payload.hpp>
#include <platewatch/hotlist/live_index.hpp>
#include <platewatch/probability/posterior.hpp>
#include <platewatch/probability/read.hpp>
#include <string>
#include <vector>

namespace {

using namespace platewatch;

FileBytes payload_of(const std::string& path) {
    const FileBytes file = FileBytes::map(path);
    return Bundle::is_one(file.view()) ? file.part(Bundle::of(file.view(), path).payload) : file;
}

int match(const std::string& path) {
    const FileBytes file = payload_of(path);
    const auto snapshot = std::make_shared<const Snapshot>(Snapshot::of(file.bytes, file.size, path));
    Payload payload = open_payload(snapshot, path);
    if (!payload.model) throw SnapshotError(path + " has no model");
    const LiveIndex index(std::move(payload.index));
    const auto state = index.state();

    ReadMaker maker;
    MatchScorer scorer;
    Index::Workspace workspace;
    ReadTexts texts;
    std::vector<Match> matches;
    std::vector<Score> scores;
    int refused = 0;
    for (std::string line; std::getline(std::cin, line);) {
        Query query;
        if (maker.make({.text = line}, query.text, &texts) != TextError::none) {
            ++refused;
            continue;
        }
        matches.clear();
        state->search({&query, 1}, payload.max_edits, workspace, matches);
        scorer.score(*state, payload.model->recogniser(""), texts, {}, matches, scores);
        for (std::size_t i = 0; i < matches.size(); ++i)
            std::cout << scores[i].probability << '\t' << matches[i].edits << '\t'
                      << state->id(matches[i].entry) << '\t' << state->plate(matches[i].entry) << '\n';
    }
    return refused == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::cerr << "match LIST < READS\n", 2;
    try {
        return match(argv[1]);
    } catch (const std::exception& error) {
        std::cerr << "match: " << error.what() << '\n';
        return 1;
    }
}
