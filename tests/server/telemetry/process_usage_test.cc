#include "server/telemetry/process_usage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <string>
#include <vector>

namespace fintag::server {
namespace {

TEST(ProcessUsage, TellsMemoryFilesAndTimeOfThisProcess) {
  const auto before = ReadProcessUsage(getpid());
  ASSERT_TRUE(before.ok()) << before.status();
  constexpr size_t kMore = 64 << 20;
  const std::vector<char> memory(kMore, 'x');
  std::vector<int> files;
  for (int i = 0; i < 5; ++i) files.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::clock_t until = std::clock() + CLOCKS_PER_SEC / 5;
  while (std::clock() < until) {
  }
  const auto after = ReadProcessUsage(getpid());
  for (const int file : files) close(file);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_GT(after->resident_bytes, before->resident_bytes + static_cast<int64_t>(kMore) / 2);
  EXPECT_GT(after->virtual_bytes, after->resident_bytes);
  EXPECT_EQ(after->open_files, before->open_files + 5);
  EXPECT_GE(after->max_open_files, after->open_files);
  EXPECT_NEAR(after->cpu_seconds - before->cpu_seconds, 0.25, 0.2);
  EXPECT_EQ(after->start_unix_seconds, before->start_unix_seconds);
  EXPECT_EQ(memory.back(), 'x');
}

TEST(ProcessUsage, KnowsWhenAProcessStarted) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  const auto usage = ReadProcessUsage(child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_NEAR(usage->start_unix_seconds, now, 2);  // the machine's start is known to the second
  EXPECT_TRUE(absl::IsNotFound(ReadProcessUsage(child).status()));
}

TEST(ProcessUsage, OfAGroupIsThatOfAllItsProcesses) {
  std::vector<pid_t> group;
  for (int i = 0; i < 3; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    group.push_back(child);
    ASSERT_EQ(setpgid(child, group.front()), 0);
    // Stopped, so that none takes another page between one reading and the next.
    kill(child, SIGSTOP);
    ASSERT_EQ(waitpid(child, nullptr, WUNTRACED), child);
  }
  int64_t resident = 0, files = 0;
  for (const pid_t pid : group) {
    resident += ReadProcessUsage(pid)->resident_bytes;
    files += ReadProcessUsage(pid)->open_files;
  }
  const auto usage = ReadGroupUsage(group.front());
  const auto alone = ReadProcessUsage(group.front());
  for (const pid_t pid : group) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->resident_bytes, resident);
  EXPECT_EQ(usage->open_files, files);
  EXPECT_EQ(usage->start_unix_seconds, alone->start_unix_seconds);
  EXPECT_TRUE(absl::IsNotFound(ReadGroupUsage(group.front()).status()));
}

}  // namespace
}  // namespace fintag::server
