#include "core/tagging/precision_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "core/version.h"

namespace fintag {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// A folder of the running test alone, gone with it.
class PrecisionChoiceTest : public testing::Test {
 protected:
  PrecisionChoiceTest()
      : folder_(std::filesystem::temp_directory_path() / ("fintag_precision_test." + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  ~PrecisionChoiceTest() override { std::filesystem::remove_all(folder_); }

  void Put(const std::string& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }

  std::filesystem::path folder_;
};

TEST_F(PrecisionChoiceTest, TheFastestThatLosesLittleIsChosen) {
  EXPECT_EQ(FastestPrecision({{"fp32", 0.8, 100}}), "fp32");
  EXPECT_EQ(FastestPrecision({{"fp32", 0.8, 100}, {"int8", 0.7981, 150}}), "int8");
  EXPECT_EQ(FastestPrecision({{"fp32", 0.8, 100}, {"int8", 0.7979, 150}}), "fp32");
  EXPECT_EQ(FastestPrecision({{"fp32", 0.8, 100}, {"int8", 0.81, 90}}), "fp32");
  EXPECT_EQ(FastestPrecision({{"fp32", 0.8, 100}, {"bf16", 0.7995, 200}, {"int8", 0.81, 150}}), "bf16");
  EXPECT_EQ(FastestPrecision({{"fp32", 0.8, 100}, {"bf16", 0.7, 200}, {"int8", 0.81, 150}}), "int8");
}

TEST_F(PrecisionChoiceTest, ScoresComeFromTheTrainersRecord) {
  EXPECT_THAT(ScoredPrecisions(folder_), IsEmpty());
  Put("fintag.json", R"({"precision_f1": {"bf16": 0.79, "fp32": 0.8, "int8": 0.81}})");
  const std::vector<PrecisionFigures> figures = ScoredPrecisions(folder_);
  ASSERT_THAT(figures, SizeIs(3));
  EXPECT_EQ(figures[0].precision, "fp32");
  EXPECT_EQ(figures[0].f1, 0.8);
  EXPECT_EQ(figures[2].precision, "int8");
  for (const char* strange : {"", "[1]", "{}", R"({"precision_f1": 1})", R"({"precision_f1": {"fp32": "high"}})",
                              R"({"precision_f1": {"int8": 0.9}})"}) {
    Put("fintag.json", strange);
    EXPECT_THAT(ScoredPrecisions(folder_), IsEmpty()) << strange;
  }
}

TEST_F(PrecisionChoiceTest, EachMachineHasItsOwn) {
  WritePrecisionChoice(folder_, {"one, 2 threads", "fp32", {{"fp32", 0.8, 100}, {"int8", 0.7, 150}}});
  WritePrecisionChoice(folder_, {"two, 2 threads", "int8", {{"fp32", 0.8, 100}, {"int8", 0.8, 150}}});
  WritePrecisionChoice(folder_, {"one, 2 threads", "int8", {{"fp32", 0.8, 110}, {"int8", 0.8, 160}}});
  EXPECT_FALSE(ReadPrecisionChoice(folder_, "three, 2 threads"));
  EXPECT_EQ(ReadPrecisionChoice(folder_, "two, 2 threads")->figures[0].tokens_per_second, 100);
  const auto again = ReadPrecisionChoice(folder_, "one, 2 threads");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->machine, "one, 2 threads");
  EXPECT_EQ(again->precision, "int8");
  ASSERT_THAT(again->figures, SizeIs(2));
  EXPECT_EQ(again->figures[1].precision, "int8");
  EXPECT_EQ(again->figures[1].f1, 0.8);
  EXPECT_EQ(again->figures[1].tokens_per_second, 160);
}

TEST_F(PrecisionChoiceTest, AnotherReleaseChoosesAnew) {
  WritePrecisionChoice(folder_, {"m", "int8", {{"fp32", 0.8, 100}, {"int8", 0.8, 150}}});
  std::ifstream file(folder_ / kPrecisionFile);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const size_t version = text.find(kVersion);
  ASSERT_NE(version, std::string::npos) << text;
  Put(kPrecisionFile, text.replace(version, std::string(kVersion).size(), "0.0.1"));
  EXPECT_FALSE(ReadPrecisionChoice(folder_, "m"));
  WritePrecisionChoice(folder_, {"m", "fp32", {{"fp32", 0.8, 100}}});
  EXPECT_EQ(ReadPrecisionChoice(folder_, "m")->precision, "fp32");
}

TEST_F(PrecisionChoiceTest, ADamagedFileIsNoChoiceAndIsReplaced) {
  const std::string choice =
      std::string(R"({"choices": [{"machine": "m", "fintag": ")") + kVersion + R"(", "precision": )";
  for (const std::string& damaged :
       {std::string(), std::string("{"), std::string("[]"), std::string(R"({"choices": 5})"),
        std::string(R"({"choices": [7]})"), choice + "3}]}", choice + R"("int8", "figures": [{"f1": "x"}]}]})"}) {
    Put(kPrecisionFile, damaged);
    EXPECT_FALSE(ReadPrecisionChoice(folder_, "m")) << damaged;
    WritePrecisionChoice(folder_, {"m", "fp32", {{"fp32", 0.8, 100}}});
    EXPECT_TRUE(ReadPrecisionChoice(folder_, "m")) << damaged;
  }
  WritePrecisionChoice(folder_ / "no such folder", {"m", "fp32", {}});  // no harm done
}

}  // namespace
}  // namespace fintag
