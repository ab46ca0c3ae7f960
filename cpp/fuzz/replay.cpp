// Runs a fuzz target over files, without libFuzzer: the corpus as a test for any compiler.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz.hpp"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& path) {
    if (!fs::is_directory(path)) return {path};
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

int replay(std::span<char*> arguments) {
    std::size_t runs = 0;
    for (const char* argument : arguments) {
        for (const fs::path& path : files_of(argument)) {
            std::ifstream file(path, std::ios::binary);
            const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
            if (!file.is_open() || file.bad()) {
                std::fprintf(stderr, "cannot read %s\n", path.c_str());
                return 1;
            }
            // In front of the run, which does not come back from what it finds.
            std::fprintf(stderr, "%s\n", path.c_str());
            LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
            ++runs;
        }
    }
    std::printf("%zu inputs\n", runs);
    return runs == 0 ? 1 : 0;  // a corpus that is not there proves nothing
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return replay(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
