#include "core/model/atomic_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

namespace fs = std::filesystem;
using ::testing::UnorderedElementsAre;

std::set<std::string> Names(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

class AtomicFolderTest : public ::testing::TestWithParam<AtomicFolder::Replacement> {
 protected:
  absl::Status Put(const std::string& content) {
    auto folder = AtomicFolder::Create(target_);
    if (!folder.ok()) return folder.status();
    WriteFile(folder->path() / content, content);
    return folder->Commit(GetParam());
  }

  TemporaryFolder root_;
  fs::path target_ = root_.path() / "above" / "target";
};

TEST_P(AtomicFolderTest, AppearsAndIsReplacedWhole) {
  ASSERT_TRUE(Put("first").ok());
  EXPECT_THAT(Names(target_), UnorderedElementsAre("first"));
  ASSERT_TRUE(Put("second").ok());
  EXPECT_THAT(Names(target_), UnorderedElementsAre("second"));
  EXPECT_THAT(Names(target_.parent_path()), UnorderedElementsAre("target"));
}

TEST_P(AtomicFolderTest, TakesATargetWithATrailingSlashAndThroughALink) {
  target_ = root_.path() / "real" / "";
  ASSERT_TRUE(Put("first").ok());
  fs::create_directory_symlink(root_.path() / "real", root_.path() / "link");
  target_ = root_.path() / "link";
  ASSERT_TRUE(Put("second").ok());
  EXPECT_TRUE(fs::is_symlink(root_.path() / "link"));
  EXPECT_THAT(Names(root_.path() / "real"), UnorderedElementsAre("second"));
}

TEST_P(AtomicFolderTest, LeavesTheOldOneWhereNothingWasCommitted) {
  ASSERT_TRUE(Put("first").ok());
  {
    auto folder = AtomicFolder::Create(target_);
    ASSERT_TRUE(folder.ok()) << folder.status();
    WriteFile(folder->path() / "second", "second");
  }
  EXPECT_THAT(Names(target_), UnorderedElementsAre("first"));
  EXPECT_THAT(Names(target_.parent_path()), UnorderedElementsAre("target"));
}

TEST_P(AtomicFolderTest, RefusesToReplaceAFile) {
  fs::create_directories(target_.parent_path());
  WriteFile(target_, "a file");
  EXPECT_EQ(Put("first").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReadFile(target_), "a file");
}

TEST_P(AtomicFolderTest, CleansUpAfterAWriterThatWasKilled) {
  ASSERT_TRUE(Put("first").ok());
  const fs::path above = target_.parent_path();
  fs::create_directories(above / ".target.new" / "deep");
  fs::create_directories(above / ".target.old" / "deep");
  ASSERT_TRUE(Put("second").ok());
  EXPECT_THAT(Names(target_), UnorderedElementsAre("second"));
  EXPECT_THAT(Names(above), UnorderedElementsAre("target"));
}

TEST_P(AtomicFolderTest, FindsTheOldOneBetweenTwoRenames) {
  ASSERT_TRUE(Put("first").ok());
  EXPECT_EQ(AtomicFolder::Readable(target_), target_);
  fs::rename(target_, target_.parent_path() / ".target.old");
  EXPECT_THAT(Names(AtomicFolder::Readable(target_)), UnorderedElementsAre("first"));
  {
    auto folder = AtomicFolder::Create(target_);
    ASSERT_TRUE(folder.ok()) << folder.status();
  }
  EXPECT_THAT(Names(target_), UnorderedElementsAre("first"));
}

INSTANTIATE_TEST_SUITE_P(Replacements, AtomicFolderTest,
                         ::testing::Values(AtomicFolder::Replacement::kExchange,
                                           AtomicFolder::Replacement::kTwoRenames),
                         [](const auto& info) {
                           return info.param == AtomicFolder::Replacement::kExchange ? "Exchange" : "TwoRenames";
                         });

TEST(AtomicFolder, RefusesTheRootAndAnEmptyName) {
  EXPECT_EQ(AtomicFolder::Create("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AtomicFolder::Create("/").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace fintag
