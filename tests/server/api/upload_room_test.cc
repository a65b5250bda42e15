#include "server/api/upload_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "server/storage/limit_error.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

class UploadRoomTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  std::map<std::string, int64_t> stored_ = {{"ann", 700}};
  UploadRoom room_{[this](const std::string& caller) { return stored_[caller]; }, 1000};
};

TEST_F(UploadRoomTest, ACallerHasWhatIsStoredAndWhatIsOnItsWay) {
  std::optional<UploadRoom::Claim> first, second;
  first.emplace(room_, "ann", folder_.path(), 200);
  EXPECT_TRUE(first->Check().ok());
  second.emplace(room_, "ann", folder_.path(), 101);
  const absl::Status refused = second->Check();
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_EQ(LimitOf(refused), "max-caller-bytes");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("ann has 700 bytes of datasets and models stored and 200 on"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("delete"));
  second.reset();
  EXPECT_TRUE(first->Check().ok());
  first->Took(200);  // what has arrived still counts, until the store has it
  EXPECT_FALSE(UploadRoom::Claim(room_, "ann", folder_.path(), 101).Check().ok());
  EXPECT_TRUE(UploadRoom::Claim(room_, "bob", folder_.path(), 1000).Check().ok());
  // Another of his came in meanwhile, a model that was trained for him.
  stored_["ann"] = 801;
  EXPECT_FALSE(first->Check().ok());
}

TEST_F(UploadRoomTest, WhoHasAllOfItMayAskForNoMore) {
  stored_["ann"] = 999;
  EXPECT_TRUE(room_.CheckCaller("ann").ok());
  stored_["ann"] = 1000;
  EXPECT_EQ(LimitOf(room_.CheckCaller("ann")), "max-caller-bytes");
  UploadRoom open([](const std::string&) { return int64_t{1} << 60; }, 0);
  EXPECT_TRUE(open.CheckCaller("ann").ok());
}

TEST_F(UploadRoomTest, UploadsTogetherHaveToFitOnTheDisk) {
  UploadRoom room([](const std::string&) { return 0; }, 0);
  std::error_code error;
  const auto free = static_cast<int64_t>(std::filesystem::space(folder_.path(), error).available);
  const int64_t most = free / 10 * 6;
  std::optional<UploadRoom::Claim> first;
  first.emplace(room, "ann", folder_.path(), most);
  EXPECT_TRUE(first->Check().ok());
  const auto bobs = [&] { return UploadRoom::Claim(room, "bob", folder_.path(), most).Check(); };
  EXPECT_TRUE(absl::IsResourceExhausted(bobs()));
  EXPECT_THAT(std::string(bobs().message()), HasSubstr("those of other uploads included"));
  EXPECT_TRUE(first->Check().ok()) << "one that was not let in is not counted";
  // As the first one's bytes arrive they are on the disk, not to come.
  first->Took(most);
  EXPECT_TRUE(bobs().ok());
  first.reset();
  EXPECT_TRUE(bobs().ok());
}

TEST_F(UploadRoomTest, WhatIsMadeOfAnUploadRefusesNoneThatWasLetIn) {
  UploadRoom room([](const std::string&) { return 0; }, 0);
  std::error_code error;
  const auto free = static_cast<int64_t>(std::filesystem::space(folder_.path(), error).available);
  // Let in where nothing is known of the disk, as they would be by one with more room than is left now.
  const std::filesystem::path later = folder_.path() / "later";
  std::optional<UploadRoom::Claim> anns, bobs;
  anns.emplace(room, "ann", later, 0, /*bytes_made=*/2 * free);
  bobs.emplace(room, "bob", later, 1);
  std::filesystem::create_directory(later);
  EXPECT_TRUE(bobs->Check().ok());
  EXPECT_TRUE(absl::IsResourceExhausted(anns->Check())) << "her own is to come";
  EXPECT_TRUE(absl::IsResourceExhausted(UploadRoom::Claim(room, "carl", later, 1).Check()))
      << "he has yet to be let in";
  anns.reset();
  EXPECT_TRUE(UploadRoom::Claim(room, "carl", later, 1).Check().ok());
}

}  // namespace
}  // namespace fintag::server
