#include "server/security/reloaded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

class ReloadedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "/reloadedXXXXXX";
    folder_ = mkdtemp(folder.data());
    files_ = {folder_ / "a", folder_ / "b"};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(int file, const std::string& text) { std::ofstream(files_[file]) << text; }

  // What stands in both files; "bad" is an error.
  absl::StatusOr<std::unique_ptr<Reloaded<std::string>>> Load() {
    return Reloaded<std::string>::Load(
        files_,
        [](const FileContents& contents) -> absl::StatusOr<std::string> {
          if (contents[0] == "bad") return absl::InvalidArgumentError("bad");
          return contents[0] + contents[1];
        },
        [this](const absl::Status& status, const std::string& in_use) {
          absl::MutexLock lock(&mutex_);
          told_.push_back(status.ok() ? in_use : std::string(status.message()) + ", still " + in_use);
        },
        absl::Milliseconds(20));
  }

  std::string Told(size_t number) {
    absl::MutexLock lock(&mutex_);
    const auto there = [&] { return told_.size() > number; };
    mutex_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(20));
    return there() ? told_[number] : "nothing";
  }

  std::filesystem::path folder_;
  std::vector<std::filesystem::path> files_;
  absl::Mutex mutex_;
  std::vector<std::string> told_;
};

TEST_F(ReloadedTest, TheFirstErrorIsTheAnswer) {
  Write(0, "1");
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr(files_[1].string()));
  EXPECT_TRUE(absl::IsNotFound(Load().status()));
  Write(0, "bad");
  Write(1, "2");
  EXPECT_TRUE(absl::IsInvalidArgument(Load().status()));
  Write(1, std::string((1 << 20) + 1, 'x'));
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("has more than"));
}

TEST_F(ReloadedTest, AChangeIsTakenAndWhatWasGottenStays) {
  Write(0, "1");
  Write(1, "2");
  auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const std::shared_ptr<const std::string> before = (*loaded)->Get();
  Write(1, "3");
  EXPECT_EQ(Told(0), "13");
  EXPECT_EQ(*(*loaded)->Get(), "13");
  EXPECT_EQ(*before, "12");
}

TEST_F(ReloadedTest, WhatCannotBeUsedIsToldOnceAndLeavesTheValue) {
  Write(0, "1");
  Write(1, "2");
  auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  Write(0, "bad");
  EXPECT_EQ(Told(0), "bad, still 12");
  std::filesystem::remove(files_[0]);
  EXPECT_THAT(Told(1), HasSubstr("cannot read " + files_[0].string()));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  Write(0, "4");
  EXPECT_EQ(Told(2), "42");
}

// As Kubernetes changes a mounted Secret: a link to a folder is put in another's place.
TEST_F(ReloadedTest, AFolderPutInAnothersPlaceIsAChange) {
  for (const char* version : {"v1", "v2"}) {
    std::filesystem::create_directory(folder_ / version);
    std::ofstream(folder_ / version / "a") << version;
    std::ofstream(folder_ / version / "b") << "!";
  }
  std::filesystem::create_directory_symlink("v1", folder_ / "now");
  files_ = {folder_ / "now/a", folder_ / "now/b"};
  auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  std::filesystem::create_directory_symlink("v2", folder_ / "next");
  std::filesystem::rename(folder_ / "next", folder_ / "now");
  EXPECT_EQ(Told(0), "v2!");
}

}  // namespace
}  // namespace fintag::server
