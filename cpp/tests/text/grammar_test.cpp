#include "platewatch/text/grammar.hpp"

#include <gtest/gtest.h>

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/text/region.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {
namespace {

using Texts = std::vector<std::u32string_view>;

// For each row of plate_classes(), in its order: plates of the class, and texts that miss it by a little.
const struct {
    std::string_view kind, vehicle;
    Texts plates, near_misses;
} kRows[] = {
    {"private", "car", {U"100가0000", U"699호9999"}, {U"099가1234", U"700가1234", U"100바1234", U"100가123"}},
    {"private", "van", {U"700주1234", U"799하1234"}, {U"699가1234", U"800가1234", U"700배1234"}},
    {"private", "truck", {U"800가1234", U"979허1234"}, {U"799가1234", U"980가1234", U"800가12345"}},
    {"private", "special", {U"980가1234", U"997호1234"}, {U"979가1234", U"998가1234", U"980사1234"}},
    {"emergency", "", {U"998가1234", U"999주1234"}, {U"997가1234", U"998허1234"}},
    {"private", "car", {U"01가1234", U"69호0001"}, {U"00가1234", U"70가1234", U"1가1234", U"01바1234"}},
    {"private", "van", {U"70가1234", U"79하1234"}, {U"69가1234", U"80가1234", U"70A1234"}},
    {"private", "truck", {U"80가1234", U"97허1234"}, {U"79가1234", U"98가1234", U"80가O234"}},
    {"private", "special", {U"98가1234", U"99호1234"}, {U"97가1234", U"99가123", U"99자1234"}},
    {"electric", "car", {U"01가1234", U"69하1234"}, {U"00가1234", U"70가1234"}},
    {"electric", "car", {U"100가1234", U"699하1234"}, {U"099가1234", U"700가1234"}},
    {"corporate", "car", {U"100가1234", U"699호1234"}, {U"099가1234", U"700가1234", U"100아1234"}},
    {"commercial",
     "car",
     {U"서울01바1234", U"제주69자1234"},
     {U"서울00바1234", U"서울70바1234", U"01바1234"}},
    {"commercial",
     "van",
     {U"부산70사1234", U"세종79배1234"},
     {U"부산69사1234", U"부산80사1234", U"북한70사1234"}},
    {"commercial",
     "truck",
     {U"대구80아1234", U"경남97배1234"},
     {U"대구79아1234", U"대구98아1234", U"대구80가1234"}},
    {"commercial", "special", {U"경기98자1234", U"울산99바1234"}, {U"경기97자1234", U"경기9자1234"}},
    {"regional", "", {U"서울01가1234", U"전북99주1234"}, {U"서울00가1234", U"서울01허1234", U"01가1234"}},
    {"regional", "", {U"서울1가1234", U"충남9주1234"}, {U"서울0가1234", U"서울1바1234", U"서울1가123"}},
    {"diplomatic", "", {U"외교001001", U"준영999999"}, {U"외교00100", U"외국001001", U"외교00가001"}},
    {"temporary", "", {U"임12345"}, {U"임1234", U"임123456", U"입12345"}},
    {"temporary", "", {U"123456"}, {U"12345", U"1234567", U"12345A"}},
    {"motorcycle_old",
     "",
     {U"경기성남가1234", U"서울중허1234", U"강원서귀포카1234"},
     {U"경기가1234", U"경기남양주시가1234", U"경기성남고1234", U"경기1남가1234"}},
    {"motorcycle", "", {U"1가12345", U"9주00000"}, {U"0가12345", U"1허12345", U"1가1234"}},
    {"military", "", {U"00국1234", U"99공1234", U"12합1234"}, {U"00군1234", U"100국1234", U"0국1234"}},
    {"construction", "", {U"001가1234", U"099호1234"}, {U"000가1234", U"100가1234", U"001바1234"}},
    {"construction_old", "", {U"서울01가1234", U"인천27자1234"}, {U"서울28가1234", U"01가1234"}},
    {"legacy", "", {U"서울01차1234", U"광주99후1234"}, {U"서울00차1234", U"서울01히1234"}},
    {"legacy", "", {U"서울1처1234", U"대전9푸1234"}, {U"서울0처1234", U"서울1그1234"}},
};

TEST(Grammar, EveryRowFitsItsPlatesAndNoNearMiss) {
    const auto classes = plate_classes();
    ASSERT_EQ(std::size(kRows), classes.size());
    for (std::size_t i = 0; i < classes.size(); ++i) {
        const auto& [kind, vehicle, plates, near_misses] = kRows[i];
        SCOPED_TRACE(testing::Message() << "row " << i << ", " << kind << " " << vehicle);
        EXPECT_EQ(classes[i].kind, kind);
        EXPECT_EQ(classes[i].vehicle, vehicle);
        PlateParts parts;
        for (const auto text : plates) EXPECT_TRUE(fits(classes[i], text, parts)) << to_utf8(text);
        for (const auto text : near_misses) EXPECT_FALSE(fits(classes[i], text, parts)) << to_utf8(text);
    }
}

TEST(Grammar, KindsStandInTheOrderOfTheTable) {
    using Kinds = std::vector<std::string_view>;
    EXPECT_EQ(parse(U"123가4567").kinds, (Kinds{"private", "electric", "corporate"}));
    EXPECT_EQ(parse(U"12가4567").kinds, (Kinds{"private", "electric"}));
    EXPECT_EQ(parse(U"70가4567").kinds, (Kinds{"private"}));
    EXPECT_EQ(parse(U"998가4567").kinds, (Kinds{"emergency"}));
    EXPECT_EQ(parse(U"서울12바3456").kinds, (Kinds{"commercial", "construction_old", "legacy"}));
    EXPECT_EQ(parse(U"서울52배3456").kinds, (Kinds{"commercial"}));
    EXPECT_EQ(parse(U"서울12가3456").kinds, (Kinds{"regional", "construction_old", "legacy"}));
    EXPECT_EQ(parse(U"서울1가3456").kinds, (Kinds{"regional", "legacy"}));
    EXPECT_EQ(parse(U"1가23456").kinds, (Kinds{"motorcycle"}));
    for (const auto text : Texts{U"", U"1", U"AB12CDE", U"12가3456?", U"12바3456", U"서울", U"998허4567"}) {
        EXPECT_EQ(parse(text).kinds, Kinds{}) << to_utf8(text);
    }
}

TEST(Grammar, PartsPutThePlateTogether) {
    const ParsedPlate commercial = parse(U"서울12바3456");
    EXPECT_EQ(commercial.vehicle, "car");
    EXPECT_EQ(commercial.parts.region, U"서울");
    EXPECT_EQ(commercial.parts.city, U"");
    EXPECT_EQ(commercial.parts.code, U"12");
    EXPECT_EQ(commercial.parts.syllable, U"바");
    EXPECT_EQ(commercial.parts.serial, U"3456");

    EXPECT_EQ(parse(U"강원서귀포카1234").parts.city, U"서귀포");
    EXPECT_EQ(parse(U"외교012345").parts.syllable, U"외교");
    EXPECT_EQ(parse(U"외교012345").parts.code, U"012");
    EXPECT_EQ(parse(U"외교012345").parts.serial, U"345");
    EXPECT_EQ(parse(U"123456").parts.serial, U"123456");
    EXPECT_EQ(parse(U"AB12CDE").parts.serial, U"");
}

TEST(RegionMark, NeedsFiveSymbolsBehindIt) {
    EXPECT_TRUE(has_region_mark(U"서울12345"));
    EXPECT_FALSE(has_region_mark(U"서울1234"));
    EXPECT_FALSE(has_region_mark(U"서부12345"));
    EXPECT_FALSE(has_region_mark(U"1서울2345"));
    EXPECT_EQ(without_region_mark(U"서울12345"), U"12345");
    for (const auto mark :
         Texts{U"서울", U"부산", U"대구", U"인천", U"광주", U"대전", U"울산", U"세종", U"경기", U"강원",
               U"충북", U"충남", U"전북", U"전남", U"경북", U"경남", U"제주"}) {
        EXPECT_TRUE(has_region_mark(std::u32string(mark) + U"12가3456")) << to_utf8(mark);
    }
}

}  // namespace
}  // namespace platewatch
