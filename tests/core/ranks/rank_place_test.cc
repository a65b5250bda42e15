#include "core/ranks/rank_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace fintag {
namespace {

using ::testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

absl::StatusOr<RankPlace> PlaceIn(const Variables& variables) {
  return RankPlaceOf([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

const Variables kTorchrun = {{"WORLD_SIZE", "4"},
                             {"RANK", "3"},
                             {"LOCAL_RANK", "1"},
                             {"MASTER_ADDR", "node0"},
                             {"MASTER_PORT", "29500"},
                             {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                             {"TORCHELASTIC_RESTART_COUNT", "2"}};

TEST(RankPlace, IsThatOfTorchrun) {
  const absl::StatusOr<RankPlace> place = PlaceIn(kTorchrun);
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_TRUE(place->distributed());
  EXPECT_EQ(place->Name(), "rank 3 of 4");
  EXPECT_EQ(place->local_rank, 1);
  EXPECT_EQ(place->host, "node0");
  EXPECT_EQ(place->port, 29500);
  EXPECT_TRUE(place->agent_listens);
  EXPECT_EQ(place->attempt, "2");
}

TEST(RankPlace, IsThatOfATaskOfSrun) {
  const Variables task = {{"SLURM_NTASKS", "2"},
                          {"SLURM_PROCID", "1"},
                          {"SLURM_LOCALID", "0"},
                          {"MASTER_ADDR", "n1"},
                          {"MASTER_PORT", "29501"}};
  const absl::StatusOr<RankPlace> place = PlaceIn(task);
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_EQ(place->Name(), "rank 1 of 2");
  EXPECT_FALSE(place->agent_listens);
}

TEST(RankPlace, IsOneProcessUnlessSaidOtherwise) {
  EXPECT_FALSE(PlaceIn({})->distributed());
  EXPECT_FALSE(PlaceIn({{"WORLD_SIZE", "1"}})->distributed());
  EXPECT_FALSE(PlaceIn({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}})->distributed()) << "a batch script";
}

TEST(RankPlace, NamesTheVariableThatIsWrong) {
  for (const auto& [name, value] : Variables{{"WORLD_SIZE", "two"},
                                             {"WORLD_SIZE", "0"},
                                             {"RANK", "4"},
                                             {"RANK", "-1"},
                                             {"LOCAL_RANK", "x"},
                                             {"MASTER_PORT", "65536"}}) {
    Variables variables = kTorchrun;
    variables[name] = value;
    const absl::Status status = PlaceIn(variables).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name << "=" << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
  for (const char* name : {"RANK", "MASTER_ADDR", "MASTER_PORT"}) {
    Variables variables = kTorchrun;
    variables.erase(name);
    EXPECT_THAT(std::string(PlaceIn(variables).status().message()), HasSubstr(name));
  }
}

}  // namespace
}  // namespace fintag
