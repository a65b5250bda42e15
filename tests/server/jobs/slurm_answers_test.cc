#include "server/jobs/slurm_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

// As Slurm 22.05 prints it, cut in the middle.
std::string JobLine(const std::string& state, const std::string& exit_code, const std::string& nodes = "n[1-2]") {
  return "JobId=17 JobName=fintag-blue-fox UserId=root(0) GroupId=root(0) MCS_label=N/A JobState=" + state +
         " Reason=None Requeue=0 Restarts=0 BatchFlag=1 ExitCode=" + exit_code +
         " DerivedExitCode=3:0 Partition=main ReqNodeList=(null) ExcNodeList=(null) NodeList=" + nodes +
         " BatchHost=n1 WorkDir=/data/jobs/blue-fox\n";
}

TEST(SlurmAnswers, AListingHasALineAJob) {
  const std::vector<SlurmListing> jobs =
      ParseSlurmListing("17|PENDING|Resources|fintag-blue-fox|/data/jobs/blue-fox\n18|RUNNING|None|other|/a b|c\n");
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].id, "17");
  EXPECT_EQ(jobs[0].state, "PENDING");
  EXPECT_EQ(jobs[0].reason, "Resources");
  EXPECT_EQ(jobs[0].name, "fintag-blue-fox");
  EXPECT_EQ(jobs[0].folder, "/data/jobs/blue-fox");
  EXPECT_EQ(jobs[1].folder, "/a b|c");
  EXPECT_TRUE(ParseSlurmListing("").empty());
}

TEST(SlurmAnswers, AJobThatCompletesIsNotAtItsEnd) {
  for (const char* state : {"PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "COMPLETING", "STAGE_OUT"}) {
    EXPECT_FALSE(IsSlurmEnd(state)) << state;
  }
  for (const char* state : {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}) {
    EXPECT_TRUE(IsSlurmEnd(state)) << state;
  }
}

TEST(SlurmAnswers, AnEndHasTheTrainersStatus) {
  EXPECT_EQ(ParseSlurmEnd(JobLine("COMPLETED", "0:0")).Describe(), "exited with status 0");
  EXPECT_EQ(ParseSlurmEnd(JobLine("FAILED", "3:0")).Describe(), "exited with status 3");
  EXPECT_EQ(ParseSlurmEnd(JobLine("FAILED", "0:9")).signal, 9);
  EXPECT_EQ(ParseSlurmEnd(JobLine("FAILED", "137:0")).Describe(), "killed by signal 9 (SIGKILL)");
}

TEST(SlurmAnswers, AnEndThatIsTheClustersDoingHasItsReason) {
  const std::string failed = ParseSlurmEnd(JobLine("NODE_FAIL", "1:0")).Describe();
  EXPECT_EQ(failed, "Slurm job 17 on n[1-2]: a node failed (NODE_FAIL)");
  EXPECT_THAT(ParseSlurmEnd(JobLine("TIMEOUT", "0:15")).Describe(), HasSubstr("time limit (TIMEOUT)"));
  EXPECT_THAT(ParseSlurmEnd(JobLine("CANCELLED", "0:0", "(null)")).Describe(), HasSubstr("Slurm job 17: it was"));
}

TEST(SlurmAnswers, AnAnswerThatIsNoneIsAnEndThatNobodySaw) {
  EXPECT_EQ(ParseSlurmEnd("").Describe(), "ended with a status that nobody saw");
  EXPECT_EQ(ParseSlurmEnd("JobState=FAILED ExitCode=x:y").Describe(), "ended with a status that nobody saw");
}

TEST(SlurmAnswers, TellsWhatPassesFromWhatStays) {
  EXPECT_TRUE(
      IsSlurmTrouble("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect "
                     "failure)"));
  EXPECT_TRUE(IsSlurmTrouble("Socket timed out on send/recv operation"));
  EXPECT_FALSE(IsSlurmTrouble("sbatch: error: Batch job submission failed: Invalid partition name specified"));
}

}  // namespace
}  // namespace fintag::server
