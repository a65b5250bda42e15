// Jobs whose trainer is lost, where the server may start them again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "core/training/event_log.h"
#include "server/jobs/worker_process.h"
#include "tests/server/jobs/queue_fixture.h"

namespace fintag::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class RestartLimitTest : public QueueFixture {
 protected:
  // Runs a job to its end and returns it.
  Job RunJob(FakeTrainer behaviour, int32_t max_restarts) {
    options_.max_restarts = max_restarts;
    StartQueue();
    return End(Create(behaviour));
  }
  Job End(const std::string& id) {
    WatchToTheEnd(id);
    return store_->Get(id).value();
  }

  // The reasons of the VALIDATING events, in order: one a start.
  std::vector<std::string> Starts(const std::string& id) {
    std::vector<std::string> reasons;
    for (const Event& event : Log(id)) {
      const auto* state = std::get_if<StateChanged>(&event.what);
      if (state != nullptr && state->state == "VALIDATING") reasons.push_back(state->reason);
    }
    return reasons;
  }

  std::vector<Event> Log(const std::string& id) {
    std::vector<Event> events;
    EXPECT_TRUE(EventLogReader::Open(Folder(id) / "events.log")->ReadNew(events).ok());
    return events;
  }
};

TEST_F(RestartLimitTest, AKilledTrainerIsStartedAgainAndGoesOn) {
  const Job job = RunJob(FakeTrainer::kKillItselfOnce, 1);
  EXPECT_EQ(job.state, JobState::kSucceeded) << job.failure_reason;
  EXPECT_THAT(Starts(job.id), ElementsAre("", StartsWith("killed by signal 9 (SIGKILL)")));
  const JobProgress progress = queue_->Progress(job.id).value();
  ASSERT_THAT(progress.epochs, SizeIs(2));
  EXPECT_EQ(progress.epochs[1].epoch, 2);
  const std::vector<Event> events = Log(job.id);
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence, static_cast<int64_t>(i) + 1);
  WaitFor([&] { return !std::filesystem::exists(Folder(job.id) / "state"); });
}

TEST_F(RestartLimitTest, ButNotUnlessTheServerIsTold) {
  const Job job = RunJob(FakeTrainer::kKillItselfOnce, 0);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(Starts(job.id), SizeIs(1));
}

TEST_F(RestartLimitTest, AndNotForEver) {
  const Job job = RunJob(FakeTrainer::kKillItself, 2);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.failure_reason, HasSubstr("SIGKILL"));
  EXPECT_THAT(Starts(job.id), SizeIs(3));
}

TEST_F(RestartLimitTest, ALostRankIsLikeAKilledTrainer) {
  const Job job = RunJob(FakeTrainer::kLoseRank, 1);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.failure_reason, "rank 1 of 2 was lost: connection closed");
  EXPECT_THAT(Starts(job.id), ElementsAre("", "rank 1 of 2 was lost: connection closed"));
}

TEST_F(RestartLimitTest, WhatTheTrainerItselfRefusesIsFinal) {
  const Job job = RunJob(FakeTrainer::kFail, 3);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.failure_reason, HasSubstr("bad tag"));
  EXPECT_THAT(Starts(job.id), SizeIs(1));
}

TEST_F(RestartLimitTest, ACancelledJobIsNotStartedAgain) {
  options_.max_restarts = 3;
  StartQueue();
  const std::string id = Create(FakeTrainer::kIgnoreSigterm);
  WaitForEpochs(id, 1);
  ASSERT_TRUE(queue_->Cancel(id).ok());
  EXPECT_EQ(End(id).state, JobState::kCancelled);
  EXPECT_THAT(Starts(id), SizeIs(1));
}

// The starts are counted in the log, so a restart of the server forgets none.
TEST_F(RestartLimitTest, AnotherServerCountsOn) {
  options_.max_restarts = 1;
  StartQueue();
  const std::string id = Create(FakeTrainer::kIgnoreSigterm);
  for (size_t starts = 1; starts <= 2; ++starts) {
    WaitFor([&] { return Starts(id).size() == starts && WorkerProcess::Find(Folder(id)) != nullptr; });
    const pid_t pid = WorkerProcess::Find(Folder(id))->pid();
    StopServer();
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    OpenRooms();
    StartQueue();
  }
  EXPECT_EQ(End(id).state, JobState::kFailed);
  EXPECT_THAT(Starts(id), SizeIs(2));
}

}  // namespace
}  // namespace fintag::server
