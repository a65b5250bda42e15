#include "server/storage/disk_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

TEST(DiskError, SaysWhatToDo) {
  const std::pair<int, std::pair<absl::StatusCode, const char*>> expected[] = {
      {ENOSPC, {absl::StatusCode::kResourceExhausted, "No space left on device; delete models"}},
      {EDQUOT, {absl::StatusCode::kResourceExhausted, "larger disk"}},
      {EMFILE, {absl::StatusCode::kResourceExhausted, "raise the server's limit"}},
      {EROFS, {absl::StatusCode::kUnavailable, "mount it writable"}},
      {EIO, {absl::StatusCode::kUnavailable, "dmesg"}},
      {ENOENT, {absl::StatusCode::kNotFound, ""}},
      {EACCES, {absl::StatusCode::kPermissionDenied, ""}}};
  for (const auto& [error, status] : expected) {
    const absl::Status said = DiskError(error, "cannot make x");
    EXPECT_EQ(said.code(), status.first) << said;
    EXPECT_THAT(said.ToString(), HasSubstr("cannot make x"));
    EXPECT_THAT(said.ToString(), HasSubstr(status.second));
  }
}

}  // namespace
}  // namespace fintag::server
