#include "core/training/scratch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>

#include "absl/strings/str_cat.h"
#include "tests/core/model/temporary_folder.h"
#include "tests/core/training/full_scratch.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;

std::vector<int32_t> Numbers(int count) {
  std::vector<int32_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), -7);
  return numbers;
}

TEST(ScratchFile, GivesBackWhatWasAppended) {
  const TemporaryFolder folder;
  ScratchFile file = ScratchFile::Create(folder.path() / "made").value();
  std::vector<int32_t> all;
  for (const int count : {0, 1, 1000, 200'000, 3, 65'536}) {
    EXPECT_TRUE(file.Append(Numbers(count)).ok());
    for (const int32_t number : Numbers(count)) all.push_back(number);
    EXPECT_EQ(file.size(), std::ssize(all));
  }
  ASSERT_TRUE(file.Map().ok());
  const ScratchFile moved = std::move(file);
  EXPECT_TRUE(std::equal(all.begin(), all.end(), moved.values().begin(), moved.values().end()));
  moved.LetGo();
  EXPECT_TRUE(std::equal(all.begin(), all.end(), moved.values().begin(), moved.values().end()));
}

TEST(ScratchFile, MayBeEmpty) {
  const TemporaryFolder folder;
  ScratchFile file = ScratchFile::Create(folder.path()).value();
  EXPECT_TRUE(file.Map().ok());
  EXPECT_TRUE(file.values().empty());
  file.LetGo();
}

TEST(ScratchFile, AKilledProcessLeavesNothing) {
  const TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    absl::StatusOr<ScratchFile> file = ScratchFile::Create(folder.path());
    const bool written = file.ok() && file->Append(Numbers(1 << 20)).ok();
    if (write(ready[1], written ? "y" : "n", 1) == 1) pause();
    _exit(1);
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  close(ready[0]);
  close(ready[1]);
}

TEST(ScratchFile, AFullDiskIsResourceExhausted) {
  const TemporaryFolder folder;
  ScratchFile file = ScratchFile::Create(folder.path()).value();
  ASSERT_EQ(FillDiskOfScratchFiles(), 1);
  const absl::Status status = file.Append(Numbers(1 << 17));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write the token cache " + folder.path().string()));
}

TEST(ScratchFile, AFolderThatCannotBeMadeIsAStatus) {
  const TemporaryFolder folder;
  WriteFile(folder.path() / "file", "");
  EXPECT_FALSE(ScratchFile::Create(folder.path() / "file").ok());
}

}  // namespace
}  // namespace fintag
