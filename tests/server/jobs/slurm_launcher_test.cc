#include "server/jobs/slurm_launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <thread>

#include "core/text/strings.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr char kNoAnswer[] = "echo 'Unable to contact slurm controller' >&2; exit 1";

// With commands of Slurm that say what the test has them say.
class SlurmLauncherTest : public testing::Test {
 protected:
  SlurmLauncherTest() {
    Answer("squeue", "");
    for (const char* program : {"sbatch", "scontrol", "scancel"}) Answer(program, kNoAnswer);
    setenv("PATH", StrCat((root_ / "bin").string(), ":", path_).c_str(), 1);
    LauncherOptions options;
    options.trainer = "fintag-train";
    launcher_ = SlurmLauncher::Create(options, {}).value();
  }
  ~SlurmLauncherTest() override {
    launcher_.reset();
    setenv("PATH", path_.c_str(), 1);
  }

  // Replaced at once: the launcher may run it just then.
  void Answer(const std::string& program, const std::string& script) {
    const fs::path written = root_ / program;
    WriteFile(written, StrCat("#!/bin/sh\n", script, "\n"));
    fs::permissions(written, fs::perms::owner_all);
    fs::create_directory(root_ / "bin");
    fs::rename(written, root_ / "bin" / program);
  }
  // As squeue lists it, before it was told to for others.
  std::string Listed(const std::string& id, const std::string& state, const std::string& job) const {
    return StrCat("echo '", id, "|", state, "|None|fintag-", job, "|", (root_ / job).string(), "'\n");
  }

  // The folder of a job, with what slurm.job says in it.
  fs::path Folder(const std::string& job, const std::string& note = "") const {
    WriteFile(root_ / job / "job.json", R"({"base": "base", "train": "train"})");
    if (!note.empty()) WriteFile(root_ / job / "slurm.job", note);
    return root_ / job;
  }

  template <typename Condition>
  void WaitFor(const Condition& condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(condition());
  }
  void WaitForNote(const std::string& job, const std::string& note) {
    WaitFor([&] { return FileText(root_ / job / "slurm.job") == note; });
  }

  TemporaryFolder folder_;
  const fs::path root_ = fs::canonical(folder_.path());
  const std::string path_ = getenv("PATH");
  std::unique_ptr<Launcher> launcher_;
};

// sbatch got through twice without its word having come.
TEST_F(SlurmLauncherTest, FollowsTheJobThatWorksNotTheOneThatWaits) {
  const fs::path folder = Folder("job", "fintag-job\n");
  WriteFile(folder / "fintag-job.place", "17\n");
  Answer("squeue", Listed("18", "PENDING", "job") + Listed("17", "RUNNING", "job"));
  const std::unique_ptr<TrainerRun> run = launcher_->Find(folder);
  WaitForNote("job", "fintag-job 17\n");
}

TEST_F(SlurmLauncherTest, TurnsToTheJobThatWorksWhereItHasFollowedTheOther) {
  const fs::path folder = Folder("job", "fintag-job 18\n");
  WriteFile(folder / "fintag-job.place", "17\n");
  Answer("squeue", Listed("18", "FAILED", "job") + Listed("17", "RUNNING", "job"));
  Answer("scontrol", "echo JobId=$4 JobState=FAILED ExitCode=1:0 NodeList=n1");
  const std::unique_ptr<TrainerRun> run = launcher_->Find(folder);
  WaitForNote("job", "fintag-job 17\n");
  EXPECT_FALSE(run->Poll().value());
  Answer("scontrol", "echo JobId=$4 JobState=COMPLETED ExitCode=0:0 NodeList=n1");
  Answer("squeue", Listed("17", "COMPLETED", "job"));
  WaitFor([&] { return run->Poll().value().has_value(); });
  EXPECT_EQ(run->Poll().value()->exit_code, 0);
}

TEST_F(SlurmLauncherTest, AJobWhoseEndIsNotToldHoldsUpNoOther) {
  Answer("squeue", Listed("17", "FAILED", "first"));
  Answer("sbatch", "echo 18");
  const std::unique_ptr<TrainerRun> first = launcher_->Find(Folder("first", "fintag-first 17\n"));
  const std::unique_ptr<TrainerRun> second = launcher_->Start(Folder("second")).value();
  WaitForNote("second", "fintag-second 18\n");
  EXPECT_FALSE(first->Poll().value());
}

TEST_F(SlurmLauncherTest, WhatWaitsBehindAnotherCanBeCancelledWhileSbatchDoesNotAnswer) {
  const std::unique_ptr<TrainerRun> first = launcher_->Start(Folder("first")).value();
  const std::unique_ptr<TrainerRun> second = launcher_->Start(Folder("second")).value();
  second->Terminate();
  WaitFor([&] { return second->Poll().value().has_value(); });
  EXPECT_THAT(second->Poll().value()->reason, HasSubstr("cancelled before it was submitted"));
  EXPECT_FALSE(first->Poll().value());
}

}  // namespace
}  // namespace fintag::server
