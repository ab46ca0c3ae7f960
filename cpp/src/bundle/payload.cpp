#include "platewatch/bundle/payload.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "bundle/packing.hpp"
#include "platewatch/base/raise.hpp"

namespace platewatch {
namespace {

constexpr std::uint32_t kModelVersion = 1, kPolicyVersion = 1;

// Calls visit(values) for each array that scoring needs, in the order of the format.
template <class Rates, class Visit>
void for_each_array(Rates& rates, const Visit& visit) {
    const auto flat = [&](auto& nested) {
        using Value = std::conditional_t<std::is_const_v<Rates>, const double, double>;
        visit(std::span<Value>(reinterpret_cast<Value*>(&nested), sizeof(nested) / sizeof(double)));
    };
    flat(rates.level);
    flat(rates.merge);
    flat(rates.merged_as);
    flat(rates.one);
    flat(rates.deletion);
    flat(rates.split);
    flat(rates.insertion);
    flat(rates.region_loss);
    for (auto* values : {&rates.right, &rates.wrong, &rates.confusion, &rates.inserted, &rates.split_first,
                         &rates.split_second, &rates.ratio_right, &rates.ratio_wrong, &rates.ratio_inserted,
                         &rates.ratio_merged, &rates.ratio_read})
        visit(std::span(*values));
    flat(rates.ratio_rank);
    flat(rates.ratio_lost);
    flat(rates.likeness);
    for (auto* values : {&rates.alternative, &rates.syllable_listed, &rates.clutter})
        visit(std::span(*values));
    flat(rates.clutter_size);
    flat(rates.clutter_next);
}

void pack_table(const ChannelTable& table, Packer& arrays, Packer& out) {
    out.numbers(table.symbols());
    out.numbers(table.bin_edges());
    std::vector<std::uint8_t> rare(table.columns());
    for (std::size_t i = 0; i < rare.size(); ++i) rare[i] = table.is_of_rare_syllables(i) ? 1 : 0;
    out.numbers(std::span<const std::uint8_t>(rare));
    for_each_array(table.rates(), [&](std::span<const double> values) { out.u32(arrays.place_of(values)); });
}

ChannelTable unpack_table(Unpacker& in, std::span<const std::vector<double>> arrays) {
    auto symbols = in.numbers<char32_t>();
    auto bin_edges = in.numbers<double>();
    const auto rare = in.numbers<std::uint8_t>();
    if (symbols.size() > kMaxCode || bin_edges.size() > kMaxCode) in.refuse("has too large a table");
    ChannelRates rates(symbols.size() + kSymbolClasses, ChannelTable::bins(bin_edges.size()));
    for_each_array(rates, [&](std::span<double> values) {
        const std::uint32_t place = in.u32();
        if (place >= arrays.size() || arrays[place].size() != values.size()) in.refuse("is damaged");
        std::ranges::copy(arrays[place], values.begin());
    });
    return {std::move(symbols), std::move(bin_edges), std::move(rates), {rare.begin(), rare.end()}};
}

void pack_text(std::u32string_view text, Packer& out) { out.numbers(std::span<const char32_t>(text)); }

std::u32string unpack_text(Unpacker& in) {
    const auto symbols = in.numbers<char32_t>();
    return {symbols.begin(), symbols.end()};
}

void pack_class(const VehicleClass& vehicles, Packer& out) {
    out.text(vehicles.name);
    out.f64(vehicles.vehicles);
    out.f64(vehicles.blocks_in_use);
    out.u32(vehicles.words.size());
    for (const std::u32string& word : vehicles.words) pack_text(word, out);
    out.u32(vehicles.words_may_be_lost ? 1 : 0);
    out.u32(vehicles.positions.size());
    for (const VehicleClass::Position& position : vehicles.positions) {
        out.u32(position.size());
        for (const auto& [symbol, share] : position) {
            out.u32(symbol);
            out.f64(share);
        }
    }
}

VehicleClass unpack_class(Unpacker& in) {
    VehicleClass vehicles{.name = in.text()};
    vehicles.vehicles = in.f64();
    vehicles.blocks_in_use = in.f64();
    for (std::size_t words = in.count(4); words > 0; --words) vehicles.words.push_back(unpack_text(in));
    vehicles.words_may_be_lost = in.flag();
    for (std::size_t positions = in.count(4); positions > 0; --positions) {
        VehicleClass::Position& position = vehicles.positions.emplace_back();
        for (std::size_t symbols = in.count(12); symbols > 0; --symbols) {
            const char32_t symbol = in.u32();
            position.emplace_back(symbol, in.f64());
        }
    }
    if (vehicles.positions.size() > kMaxSymbols) in.refuse("has plates that are too long");
    return vehicles;
}

void pack_population(const Population& population, Packer& out) {
    out.f64(population.clutter);
    out.f64(population.generic.density);
    pack_text(population.generic.symbols, out);
    out.u32(population.generic.least);
    out.u32(population.generic.most);
    for (const auto* classes : {&population.classes, &population.forms}) {
        out.u32(classes->size());
        for (const VehicleClass& vehicles : *classes) pack_class(vehicles, out);
    }
}

Population unpack_population(Unpacker& in) {
    Population population;
    population.clutter = in.f64();
    population.generic.density = in.f64();
    population.generic.symbols = unpack_text(in);
    population.generic.least = in.u32();
    population.generic.most = in.u32();
    if (population.generic.most > kMaxSymbols) in.refuse("has plates that are too long");
    for (auto* classes : {&population.classes, &population.forms}) {
        for (std::size_t left = in.count(4); left > 0; --left) classes->push_back(unpack_class(in));
    }
    return population;
}

void pack_model(const ScoringModel& model, Packer& out) {
    Packer arrays, tables;
    const auto pack_named = [&](const ScoringModel::Tables& named) {
        tables.u32(named.size());
        for (const auto& [name, table] : named) {
            tables.text(name);
            pack_table(table->table(), arrays, tables);
        }
    };
    pack_table(model.general().table(), arrays, tables);
    pack_named(model.engines());
    pack_named(model.cameras());
    tables.u32(model.levels().size());
    for (const auto& [engine, cameras] : model.levels()) {
        tables.text(engine);
        tables.u32(cameras.size());
        for (const auto& [camera, level] : cameras) {
            tables.text(camera);
            for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) tables.f64(level[l]);
        }
    }
    out.u32(kModelVersion);
    out.f64(model.frame_weight());
    pack_population(model.general().population().population(), out);
    out.shared_arrays(arrays);
    out.append(tables);
}

std::shared_ptr<const ScoringModel> unpack_model(Unpacker in) {
    in.version(kModelVersion);
    const double frame_weight = in.f64();
    if (!(frame_weight > 0 && frame_weight <= 1)) in.refuse("has a frame weight out of range");
    const auto population = std::make_shared<const PopulationTrie>(unpack_population(in));
    std::vector<std::vector<double>> arrays(in.count(4));
    for (std::vector<double>& values : arrays) values = in.numbers<double>();
    const auto table = [&] {
        return std::make_shared<const ScoringTable>(unpack_table(in, arrays), population);
    };
    const auto named = [&] {
        ScoringModel::Tables tables;
        for (std::size_t left = in.count(4); left > 0; --left) {
            std::string name = in.text();
            if (!tables.emplace(std::move(name), table()).second) in.refuse("repeats a name");
        }
        return tables;
    };
    const auto general = table();
    ScoringModel::Tables engines = named(), cameras = named();
    ScoringModel::CameraLevels levels;
    for (std::size_t left = in.count(4); left > 0; --left) {
        auto& of_engine = levels[in.text()];
        for (std::size_t named_cameras = in.count(4); named_cameras > 0; --named_cameras) {
            std::string name = in.text();
            of_engine.emplace(std::move(name), Levels::of([&](std::size_t) { return in.f64(); }));
        }
    }
    in.end();
    return std::make_shared<const ScoringModel>(general, std::move(engines), std::move(cameras),
                                                std::move(levels), frame_weight);
}

void pack_policy(const Policy& policy, Packer& out) {
    const auto pack = [&](const Policy::Thresholds& thresholds) {
        out.f64(thresholds.notify);
        out.f64(thresholds.check);
        out.f64(thresholds.quiet);
    };
    out.u32(kPolicyVersion);
    pack(policy.general);
    out.u32(policy.categories.size());
    for (const auto& [category, thresholds] : policy.categories) {
        out.text(category);
        pack(thresholds);
    }
}

Policy unpack_policy(Unpacker in) {
    in.version(kPolicyVersion);
    const auto thresholds = [&] {
        Policy::Thresholds out;
        out.notify = in.f64();
        out.check = in.f64();
        out.quiet = in.f64();
        if (!out.sound()) in.refuse("has thresholds out of range");
        return out;
    };
    Policy policy{.general = thresholds()};
    for (std::size_t left = in.count(4); left > 0; --left) {
        std::string category = in.text();
        policy.categories.emplace(std::move(category), thresholds());
    }
    in.end();
    return policy;
}

}  // namespace

void write_payload(const std::string& path, const Index& index, unsigned max_edits, const ScoringModel* model,
                   const Policy* policy) {
    SnapshotWriter writer;
    index.add_to(writer, max_edits);
    Packer packed_model, packed_policy;
    if (model != nullptr) {
        pack_model(*model, packed_model);
        writer.add(kModelSection, packed_model.bytes());
    }
    if (policy != nullptr) {
        pack_policy(*policy, packed_policy);
        writer.add(kPolicySection, packed_policy.bytes());
    }
    writer.write(path);
}

Payload open_payload(const std::shared_ptr<const Snapshot>& snapshot, const std::string& name) {
    Payload payload;
    payload.index = Index::open(snapshot, name, payload.max_edits);
    if (snapshot->has(kModelSection)) {
        const Unpacker model(snapshot->section<std::byte>(kModelSection), name + ": the model");
        payload.model = renaming<std::logic_error>(  // of a table or a population that cannot be one
            [&] { return unpack_model(model); },
            [&](const auto& error) { raise<SnapshotError>(name + ": " + error.what()); });
    }
    if (snapshot->has(kPolicySection))
        payload.policy = unpack_policy({snapshot->section<std::byte>(kPolicySection), name + ": the policy"});
    return payload;
}

}  // namespace platewatch
