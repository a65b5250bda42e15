#include "server/jobs/slurm_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/jobs/command.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(SlurmNote, IsReadAsItWasWritten) {
  const SlurmNote noted = ParseSlurmNote(SlurmNoteText({"fintag-blue-fox.2", "4711"}));
  EXPECT_EQ(noted.name, "fintag-blue-fox.2");
  EXPECT_EQ(noted.id, "4711");
  EXPECT_EQ(ParseSlurmNote(SlurmNoteText({"fintag-blue-fox", ""})).id, "");
  EXPECT_EQ(ParseSlurmNote("").name, "");
  EXPECT_EQ(ParseSlurmNote("nonsense").name, "");
}

TEST(SlurmNote, EverySubmissionHasANameOfItsOwn) {
  EXPECT_EQ(NextSlurmName("blue-fox", ""), "fintag-blue-fox");
  EXPECT_EQ(NextSlurmName("blue-fox", "fintag-blue-fox"), "fintag-blue-fox.2");
  EXPECT_EQ(NextSlurmName("blue-fox", "fintag-blue-fox.9"), "fintag-blue-fox.10");
}

// The script run by a shell, with an srun that runs its command here.
class SlurmScriptTest : public testing::Test {
 protected:
  SlurmScriptTest() {
    fs::create_directory(job_);
    Program("bin/srun", "shift 3\nexec \"$@\"\n");
    Program("train er's",
            "echo \"$1 $2\"; echo TMPDIR=$TMPDIR; umask; ulimit -c; ulimit -d; grep NoNewPrivs /proc/self/status");
  }

  void Program(const std::string& name, const std::string& script) {
    fs::create_directories((folder_.path() / name).parent_path());
    WriteFile(folder_.path() / name, "#!/bin/sh\n" + script);
    fs::permissions(folder_.path() / name, fs::perms::owner_all);
  }

  CommandResult Run(const std::string& id) {
    const std::string script = SlurmScript(folder_.path() / "train er's", job_, limits_, processes_);
    return RunCommand({"sh", "-c", "cd \"$0\" && exec sh -s", job_.string()}, script,
                      {"PATH=" + (folder_.path() / "bin").string() + ":/usr/bin:/bin", "SLURM_JOB_NAME=fintag-job",
                       "SLURM_JOB_ID=" + id},
                      absl::Seconds(20), [] { return false; })
        .value();
  }

  TemporaryFolder folder_;
  const fs::path job_ = folder_.path() / "a job";
  TrainerLimits limits_;
  int32_t processes_ = 1;
};

TEST_F(SlurmScriptTest, NotesItsNumberAndStartsTheTrainerConfined) {
  WriteFile(job_ / "slurm.job", "fintag-job\n");
  limits_.memory_bytes = int64_t{3} << 30;
  const CommandResult result = Run("17");
  EXPECT_EQ(result.exit_status, 0) << result.errors;
  EXPECT_EQ(result.output,
            "--job " + job_.string() + "\nTMPDIR=" + job_.string() + "\n0077\n0\n3145728\nNoNewPrivs:\t1\n");
  EXPECT_EQ(FileText(job_ / "slurm.job"), "fintag-job 17\n");
}

TEST_F(SlurmScriptTest, DoesNothingWhereAnotherSubmissionHasTakenItsPlace) {
  for (const char* note : {"fintag-job 16\n", "fintag-job.2\n", ""}) {
    WriteFile(job_ / "slurm.job", note);
    const CommandResult result = Run("17");
    EXPECT_EQ(result.exit_status, 1) << note;
    EXPECT_EQ(result.output, "");
    EXPECT_THAT(result.errors, HasSubstr("another submission"));
    EXPECT_EQ(FileText(job_ / "slurm.job"), note);
  }
}

TEST_F(SlurmScriptTest, DoesNothingWhereTheSameSubmissionGotThroughTwice) {
  WriteFile(job_ / "slurm.job", "fintag-job\n");
  EXPECT_EQ(Run("17").exit_status, 0);
  // A server that knows of the second alone has overwritten what the first noted.
  WriteFile(job_ / "slurm.job", "fintag-job 18\n");
  const CommandResult second = Run("18");
  EXPECT_EQ(second.exit_status, 1);
  EXPECT_EQ(second.output, "");
  EXPECT_THAT(second.errors, HasSubstr("job 17 is the same submission"));
}

TEST(RunCommand, TellsWhatIsPrintedAndHowItEnded) {
  const CommandResult result =
      RunCommand({"sh", "-c", "cat; echo $A; echo wrong >&2; exit 3"}, "text\n", {"A=b"}, absl::Seconds(20), [] {
        return false;
      }).value();
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_EQ(result.output, "text\nb\n");
  EXPECT_EQ(result.errors, "wrong\n");
  EXPECT_EQ(RunCommand({"sh", "-c", "kill -9 $$"}, "", {}, absl::Seconds(20), [] { return false; }).value().exit_status,
            137);
}

TEST(RunCommand, EndsWhatTakesTooLong) {
  EXPECT_EQ(RunCommand({"sleep", "100"}, "", {}, absl::Milliseconds(50), [] { return false; }).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(RunCommand({"sleep", "100"}, "", {}, absl::Seconds(20), [] { return true; }).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(RunCommand, SaysWhatIsMissing) {
  EXPECT_FALSE(IsInPath("no-such-program"));
  const absl::Status status = RunCommand({"no-such-program"}, "", {}, absl::Seconds(1), [] { return false; }).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no-such-program"));
}

}  // namespace
}  // namespace fintag::server
