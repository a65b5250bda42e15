#include "server/storage/paging.h"

#include <gtest/gtest.h>

namespace fintag::server {
namespace {

TEST(Paging, ReadsBackItsOwnTokens) {
  for (const int64_t position : {int64_t{1}, int64_t{77}, int64_t{1} << 40}) {
    const absl::StatusOr<PageStart> start = ReadPageRequest("jobs", {10, PageToken("jobs", position)});
    ASSERT_TRUE(start.ok()) << start.status();
    EXPECT_EQ(start->before, position);
    EXPECT_EQ(start->rows, 10);
  }
  EXPECT_TRUE(ReadPageRequest("jobs", {10, ""}).ok());
}

TEST(Paging, RefusesTokensThatAreNotItsOwn) {
  const std::string token = PageToken("jobs", 77);
  EXPECT_TRUE(absl::IsInvalidArgument(ReadPageRequest("models", {10, token}).status()));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_TRUE(absl::IsInvalidArgument(ReadPageRequest("jobs", {10, changed}).status())) << changed;
    EXPECT_TRUE(i == 0 || absl::IsInvalidArgument(ReadPageRequest("jobs", {10, token.substr(0, i)}).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ReadPageRequest("jobs", {10, " " + token}).status()));
}

TEST(Paging, RefusesPageSizesOutOfRange) {
  for (const int32_t size : {-1, 0, 1001}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadPageRequest("jobs", {size, ""}).status())) << size;
  }
  EXPECT_TRUE(ReadPageRequest("jobs", {1, ""}).ok());
  EXPECT_TRUE(ReadPageRequest("jobs", {1000, ""}).ok());
}

}  // namespace
}  // namespace fintag::server
