#include "server/jobs/job_outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "server/jobs/slurm_answers.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Job JobIn(JobState state) {
  Job job;
  job.state = state;
  return job;
}

// Epochs with these F1 scores; `best` as the trainer marks it.
JobHistory HistoryOf(std::initializer_list<double> f1) {
  JobHistory history;
  double best = -1;
  for (const double value : f1) {
    Event event;
    EpochResult epoch;
    epoch.epoch = static_cast<int32_t>(history.progress.epochs.size()) + 1;
    epoch.scores.micro.f1 = value;
    epoch.best = value > best;
    best = std::max(best, value);
    event.what = epoch;
    history.Add(event);
  }
  return history;
}

TEST(JobOutcome, AFinishedTrainingSucceedsWithTheEpochItKept) {
  JobHistory history = HistoryOf({0.1, 0.5, 0.3});
  history.finished = TrainingFinished{2, 2, false};
  const JobOutcome best = JudgeOutcome(JobIn(JobState::kRunning), history, {});
  EXPECT_EQ(best.state, JobState::kSucceeded);
  EXPECT_EQ(best.kept->epoch, 2);
  history.finished = TrainingFinished{2, 3, false};
  EXPECT_EQ(JudgeOutcome(JobIn(JobState::kRunning), history, {}).kept->epoch, 3);
  history.finished = TrainingFinished{2, 9, false};
  EXPECT_EQ(JudgeOutcome(JobIn(JobState::kRunning), history, {}).state, JobState::kFailed);
}

TEST(JobOutcome, ACancelledJobKeepsWhatItsEpochsWrote) {
  Job job = JobIn(JobState::kCancelling);
  TrainerEnd killed;
  killed.exit = WorkerExit{-1, SIGKILL};
  const JobHistory history = HistoryOf({0.1, 0.5, 0.3});
  EXPECT_EQ(JudgeOutcome(job, history, killed).state, JobState::kCancelled);
  EXPECT_EQ(JudgeOutcome(job, history, killed).kept->epoch, 2);
  job.options.keep = KeepCheckpoint::kLast;
  EXPECT_EQ(JudgeOutcome(job, history, killed).kept->epoch, 3);
  EXPECT_EQ(JudgeOutcome(job, HistoryOf({}), killed).kept, nullptr);
  EXPECT_EQ(JudgeOutcome(job, HistoryOf({}), killed).reason, "");
}

TEST(JobOutcome, ACancelledJobWithoutReportedEpochKeepsTheRecordedOne) {
  TrainerEnd killed;
  killed.exit = WorkerExit{-1, SIGKILL};
  killed.recorded.emplace().epoch = 1;
  const JobHistory history = HistoryOf({});
  EXPECT_EQ(JudgeOutcome(JobIn(JobState::kCancelling), history, killed).kept, &*killed.recorded);
  EXPECT_EQ(JudgeOutcome(JobIn(JobState::kRunning), history, killed).state, JobState::kFailed);
  EXPECT_EQ(JudgeOutcome(JobIn(JobState::kRunning), history, killed).kept, nullptr);
}

TEST(JobOutcome, ATrainerToldToStopByOthersCountsAsCancelled) {
  JobHistory history = HistoryOf({0.1});
  history.finished = TrainingFinished{1, 1, true};
  EXPECT_EQ(JudgeOutcome(JobIn(JobState::kRunning), history, {}).state, JobState::kCancelled);
}

TEST(JobOutcome, ATrainerThatItsSchedulerTookAwayIsLost) {
  JobHistory history = HistoryOf({0.5});
  const auto add = [&history](auto what) {
    Event event;
    event.what = std::move(what);
    history.Add(event);
  };
  add(TrainingFinished{.cancelled = true});
  TrainerEnd end;
  end.exit = ParseSlurmEnd("JobId=17 JobState=PREEMPTED NodeList=n1 ExitCode=0:0");
  const JobOutcome lost = JudgeOutcome(JobIn(JobState::kRunning), history, end);
  EXPECT_EQ(lost.state, JobState::kFailed);
  EXPECT_TRUE(lost.lost);
  EXPECT_THAT(lost.reason, HasSubstr("it gave way to another (PREEMPTED)"));
  // Of the next start this is the past.
  add(StateChanged{"VALIDATING", lost.reason, ""});
  EXPECT_FALSE(history.finished.has_value());
  // Where its caller had cancelled it already, or somebody did with scancel.
  add(TrainingFinished{.cancelled = true});
  EXPECT_EQ(JudgeOutcome(JobIn(JobState::kCancelling), history, end).state, JobState::kCancelled);
  end.exit = ParseSlurmEnd("JobId=17 JobState=CANCELLED NodeList=n1 ExitCode=0:0");
  EXPECT_EQ(JudgeOutcome(JobIn(JobState::kRunning), history, end).state, JobState::kCancelled);
}

TEST(JobOutcome, FailuresCarryTheirReason) {
  const auto reason = [](const JobHistory& history, const TrainerEnd& end) {
    const JobOutcome outcome = JudgeOutcome(JobIn(JobState::kRunning), history, end);
    EXPECT_EQ(outcome.state, JobState::kFailed);
    EXPECT_EQ(outcome.kept, nullptr);
    return outcome.reason;
  };
  TrainerEnd end;
  EXPECT_EQ(reason(HistoryOf({}), end), "the trainer ended without a result while the server was not running");
  end.restored = true;
  EXPECT_THAT(reason(HistoryOf({0.5}), end), HasSubstr("running when the backup was made"));
  EXPECT_FALSE(JudgeOutcome(JobIn(JobState::kRunning), HistoryOf({0.5}), end).lost);  // not started again
  end.restored = false;
  end.exit = WorkerExit{};
  EXPECT_EQ(reason(HistoryOf({0.5}), end), "the trainer ended without a result");
  end.exit = WorkerExit{-1, SIGKILL};
  EXPECT_THAT(reason(HistoryOf({}), end), StartsWith("killed by signal 9 (SIGKILL)"));
  EXPECT_THAT(reason(HistoryOf({}), end), HasSubstr("out of memory"));
  end.exit = WorkerExit{-1, SIGSEGV};
  EXPECT_EQ(reason(HistoryOf({}), end), "killed by signal 11 (SIGSEGV)");
  end.exit = WorkerExit{3, 0};
  end.output = "cannot open libfoo.so";
  EXPECT_EQ(reason(HistoryOf({}), end), "exited with status 3; its last output:\ncannot open libfoo.so");
  JobHistory failed;
  failed.failed = TrainingFailed{"INVALID_ARGUMENT", "train.conll:12: bad tag"};
  EXPECT_EQ(reason(failed, end), "train.conll:12: bad tag");
  end.launch_error = "no such program";
  EXPECT_EQ(reason(HistoryOf({}), end), "no such program");
}

}  // namespace
}  // namespace fintag::server
