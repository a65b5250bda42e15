#include "server/jobs/worker_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkerProcessTest : public testing::Test {
 protected:
  WorkerProcessTest() { fs::create_directory(job_); }
  ~WorkerProcessTest() override {
    if (process_ == nullptr) return;
    process_->Kill();
    Wait();
  }

  absl::Status Start(const std::string& script) {
    WriteFile(folder_.path() / "trainer", "#!/bin/sh\n" + script);
    fs::permissions(folder_.path() / "trainer", fs::perms::owner_all);
    absl::StatusOr<std::unique_ptr<WorkerProcess>> process =
        WorkerProcess::Start(folder_.path() / "trainer", job_, limits_, processes_);
    if (!process.ok()) return process.status();
    process_ = *std::move(process);
    return absl::OkStatus();
  }

  WorkerExit Wait() { return Wait(*process_); }

  static WorkerExit Wait(WorkerProcess& process) {
    for (int i = 0; i < 2000; ++i) {
      if (const auto exit = process.Poll(); exit.ok() && *exit) return **exit;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "it does not end";
    return {};
  }

  // Waits until the script has written it.
  static void WaitFor(const fs::path& file) {
    for (int i = 0; i < 1000 && !fs::exists(file); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(fs::exists(file));
  }

  std::string Output() const { return FileText(job_ / "trainer.out"); }

  TemporaryFolder folder_;
  const fs::path job_ = folder_.path() / "job";
  TrainerLimits limits_;
  int32_t processes_ = 1;
  std::unique_ptr<WorkerProcess> process_;
};

TEST_F(WorkerProcessTest, TellsExitStatusAndKeepsTheOutput) {
  ASSERT_TRUE(Start("echo \"$1 $2\"; echo wrong >&2; exit 7").ok());
  EXPECT_EQ(FileText(job_ / "trainer.pid"), std::to_string(process_->pid()) + "\n");
  const WorkerExit exit = Wait();
  EXPECT_EQ(exit.exit_code, 7);
  EXPECT_EQ(exit.signal, 0);
  EXPECT_EQ(exit.Describe(), "exited with status 7");
  EXPECT_EQ(Output(), "--job " + fs::canonical(job_).string() + "\nwrong\n");
  EXPECT_EQ(process_->Poll().value()->exit_code, 7);
  process_->Kill();  // harmless now
}

TEST_F(WorkerProcessTest, StartsSeveralThatKnowOfEachOther) {
  processes_ = 3;
  ASSERT_TRUE(
      Start("echo $RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR $MASTER_PORT $OMP_NUM_THREADS $1 > rank$RANK").ok());
  EXPECT_EQ(Wait().exit_code, 0);
  std::set<std::string> ports;
  for (const int rank : {0, 1, 2}) {
    const std::vector<std::string> told =
        absl::StrSplit(FileText(job_ / ("rank" + std::to_string(rank))), absl::ByAnyChar(" \n"), absl::SkipEmpty());
    ASSERT_EQ(told.size(), 7u);
    EXPECT_EQ(told[0], std::to_string(rank));
    EXPECT_EQ(told[1], std::to_string(rank));
    EXPECT_EQ(told[2], "3");
    EXPECT_EQ(told[3], "127.0.0.1");
    ports.insert(told[4]);
    EXPECT_GE(std::stoi(told[5]), 1);
    EXPECT_EQ(told[6], "--job");
  }
  EXPECT_EQ(ports.size(), 1u);
  EXPECT_GT(std::stoi(*ports.begin()), 0);
}

TEST_F(WorkerProcessTest, OneThatFailsEndsTheOthers) {
  processes_ = 3;
  ASSERT_TRUE(
      Start("touch rank$RANK\n[ $RANK = 1 ] || exec sleep 100\nuntil [ -e rank0 ] && [ -e rank2 ]; do :; done\nexit 7")
          .ok());
  const pid_t group = process_->pid();
  EXPECT_EQ(Wait().exit_code, 7);
  EXPECT_THAT(Output(), HasSubstr("rank 1 of 3 ended with status 7: the others have 10 seconds"));
  for (int i = 0; i < 1000 && kill(-group, 0) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_NE(kill(-group, 0), 0) << "some of it is left";
}

TEST_F(WorkerProcessTest, SeveralAreFoundAgainAndToldToStopTogether) {
  processes_ = 2;
  ASSERT_TRUE(Start("trap 'echo told $RANK; exit 0' TERM; touch rank$RANK; while :; do sleep 0.05; done").ok());
  WaitFor(job_ / "rank0");
  WaitFor(job_ / "rank1");
  const std::unique_ptr<WorkerProcess> found = WorkerProcess::Find(job_);
  ASSERT_NE(found, nullptr);
  found->Terminate();
  EXPECT_EQ(Wait().exit_code, 0);
  EXPECT_THAT(Output(), HasSubstr("told 0"));
  EXPECT_THAT(Output(), HasSubstr("told 1"));
}

TEST_F(WorkerProcessTest, TellsTheSignalThatKilledIt) {
  ASSERT_TRUE(Start("kill -9 $$").ok());
  const WorkerExit exit = Wait();
  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_EQ(exit.Describe(), "killed by signal 9 (SIGKILL)");
}

TEST_F(WorkerProcessTest, InheritsNoFilesNoSignalSettingsAndNoTerminal) {
  const int leak = open("/dev/null", O_RDONLY);  // not close-on-exec
  signal(SIGUSR1, SIG_IGN);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  ASSERT_TRUE(Start("ls /proc/$$/fd; grep Sig /proc/self/status; readlink /proc/$$/fd/0; "
                    "echo session $(cut -d' ' -f6 /proc/$$/stat)")
                  .ok());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  signal(SIGUSR1, SIG_DFL);
  close(leak);
  Wait();
  EXPECT_THAT(Output(), Not(HasSubstr("\n" + std::to_string(leak) + "\n")));
  EXPECT_THAT(Output(), HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(Output(), HasSubstr("SigIgn:\t0000000000000000"));
  EXPECT_THAT(Output(), HasSubstr("/dev/null"));
  EXPECT_THAT(Output(), HasSubstr("session " + std::to_string(process_->pid())));
}

TEST_F(WorkerProcessTest, SignalsReachTheWholeGroup) {
  ASSERT_TRUE(Start("trap 'echo told >> $2/told; exit 0' TERM; (trap 'echo told >> $2/told; exit 0' TERM; "
                    "while :; do sleep 0.05; done) & touch $2/ready; while :; do sleep 0.05; done")
                  .ok());
  WaitFor(job_ / "ready");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(process_->Poll().value().has_value());
  process_->Terminate();
  EXPECT_EQ(Wait().exit_code, 0);
  EXPECT_THAT(FileText(job_ / "told"), HasSubstr("told\n"));
}

TEST_F(WorkerProcessTest, WhatTheTrainerLeavesBehindGoesWithIt) {
  ASSERT_TRUE(Start("(while :; do sleep 0.05; date +%N > $2/alive; done) & sleep 0.3; exit 0").ok());
  Wait();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::string before = FileText(job_ / "alive");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(FileText(job_ / "alive"), before);
}

TEST_F(WorkerProcessTest, SaysWhyItCannotStart) {
  absl::Status status = WorkerProcess::Start(folder_.path() / "nothing", job_, limits_).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("nothing"));
  EXPECT_FALSE(WorkerProcess::Start("/bin/true", folder_.path() / "no-folder", limits_).ok());
  const int lock = open((job_ / "trainer.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  status = WorkerProcess::Start("/bin/true", job_, limits_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  close(lock);
}

TEST_F(WorkerProcessTest, FindsTheTrainerOfAnEarlierServer) {
  EXPECT_EQ(WorkerProcess::Find(job_), nullptr);
  ASSERT_TRUE(Start("while :; do sleep 0.05; done").ok());
  const std::unique_ptr<WorkerProcess> found = WorkerProcess::Find(job_);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->pid(), process_->pid());
  EXPECT_FALSE(found->Poll().value().has_value());
  found->Terminate();
  const WorkerExit exit = Wait(*found);  // even before its parent has asked for its status
  EXPECT_EQ(exit.exit_code, -1);
  EXPECT_EQ(exit.signal, 0);
  EXPECT_EQ(Wait().signal, SIGTERM);
  EXPECT_EQ(WorkerProcess::Find(job_), nullptr);
}

TEST_F(WorkerProcessTest, WhoStillHoldsTheLockHasNotEnded) {
  WriteFile(job_ / "trainer.lock", "");
  const int lock = open((job_ / "trainer.lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_TRUE(Start("while :; do sleep 0.05; done").ok());
  const std::unique_ptr<WorkerProcess> found = WorkerProcess::Find(job_);
  ASSERT_NE(found, nullptr);
  // As a large process does that is being torn down.
  ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
  found->Kill();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_FALSE(process_->Poll().value().has_value());
  EXPECT_FALSE(found->Poll().value().has_value());
  EXPECT_NE(WorkerProcess::Find(job_), nullptr);
  close(lock);
  EXPECT_EQ(Wait().signal, SIGKILL);
  EXPECT_TRUE(found->Poll().value().has_value());
  EXPECT_EQ(WorkerProcess::Find(job_), nullptr);
}

TEST_F(WorkerProcessTest, RanksDoNotOutliveTheirShell) {
  processes_ = 2;
  ASSERT_TRUE(Start("touch rank$RANK; while :; do sleep 0.05; done").ok());
  WaitFor(job_ / "rank0");
  WaitFor(job_ / "rank1");
  const pid_t shell = process_->pid();
  ASSERT_EQ(kill(shell, SIGKILL), 0);
  // As another server meets it, to which the shell was no child.
  const std::unique_ptr<WorkerProcess> found = WorkerProcess::Find(job_);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(Wait(*found).exit_code, -1);
  EXPECT_EQ(Wait().signal, SIGKILL);
  EXPECT_EQ(WorkerProcess::Find(job_), nullptr);
  for (int i = 0; i < 1000 && kill(-shell, 0) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_NE(kill(-shell, 0), 0) << "some of it is left";
}

TEST_F(WorkerProcessTest, WhoCannotBeLookedAtHasNotEnded) {
  ASSERT_TRUE(Start("while :; do sleep 0.05; done").ok());
  const std::unique_ptr<WorkerProcess> found = WorkerProcess::Find(job_);
  ASSERT_NE(found, nullptr);
  std::vector<int> taken;
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few = {64, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  for (int descriptor; (descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken.push_back(descriptor);
  EXPECT_EQ(errno, EMFILE);
  EXPECT_TRUE(absl::IsResourceExhausted(found->Poll().status()));
  found->Kill();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_TRUE(absl::IsResourceExhausted(found->Poll().status()));
  EXPECT_TRUE(absl::IsResourceExhausted(process_->Poll().status()));
  for (const int descriptor : taken) close(descriptor);
  EXPECT_EQ(Wait(*found).exit_code, -1);
  EXPECT_EQ(Wait().signal, SIGKILL);
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(WorkerProcessTest, IsNotDeceivedByAStrangerWithTheSameNumber) {
  WriteFile(job_ / "trainer.pid", std::to_string(getpid()) + "\n");
  EXPECT_EQ(WorkerProcess::Find(job_), nullptr);
  for (const char* text : {"", "x", "0", "1", "-5", "99999999999999"}) {
    WriteFile(job_ / "trainer.pid", text);
    EXPECT_EQ(WorkerProcess::Find(job_), nullptr) << text;
  }
  // Another job's trainer is a stranger too.
  ASSERT_TRUE(Start("while :; do sleep 0.05; done").ok());
  const fs::path other = folder_.path() / "other";
  WriteFile(other / "trainer.pid", std::to_string(process_->pid()) + "\n");
  EXPECT_EQ(WorkerProcess::Find(other), nullptr);
}

}  // namespace
}  // namespace fintag::server
