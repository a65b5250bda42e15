// What a server finds and repairs after another was stopped or killed, at every step of a job's life.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "core/training/event_log.h"
#include "server/jobs/job_folder.h"
#include "tests/server/jobs/queue_fixture.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RestartTest : public QueueFixture {
 protected:
  // A job as it lies on disk when the server was killed: row and log, no trainer.
  std::string LeaveJob(FakeTrainer behaviour, std::initializer_list<JobState> states,
                       const std::vector<Event>& events) {
    bool created = false;
    Job job = Specification(behaviour);
    job.id = "left";
    EXPECT_TRUE(store_->Insert(job, created).ok());
    for (const JobState state : states) EXPECT_TRUE(store_->Move(job.id, state).ok());
    fs::create_directories(Folder(job.id));
    auto log = EventLogWriter::Open(Folder(job.id) / "events.log").value();
    for (const Event& event : events) EXPECT_TRUE(log->Append(event).ok());
    return job.id;
  }

  template <typename What>
  static Event Of(What what) {
    Event event;
    event.what = std::move(what);
    return event;
  }
  static Event State(const std::string& state) { return Of(StateChanged{state, "", ""}); }
  static Event Epoch() {
    EpochResult epoch;
    epoch.epoch = 1;
    epoch.best = true;
    epoch.scores.micro.f1 = 0.9;
    return Of(epoch);
  }
  static std::vector<Event> Finished() {
    return {State("QUEUED"), State("VALIDATING"), Of(TrainingStart{}), Epoch(), Of(TrainingFinished{1, 1, false})};
  }

  void LeaveCheckpoint(const std::string& id) {
    fs::copy(models_->Folder(models_->Resolve("models/base", false).value()), Folder(id) / "checkpoint");
    WriteFile(Folder(id) / "trainer.pid", "999999999\n");
  }
};

TEST_F(RestartTest, ARunningTrainerGoesOnAndIsPickedUpAgain) {
  StartQueue();
  const std::string id = Create(FakeTrainer::kWaitForFile);
  WaitForEpochs(id, 1);
  const int64_t seen = queue_->Progress(id)->last_sequence;
  const int pid = std::stoi(FileText(Folder(id) / "trainer.pid"));
  RestartServer();
  EXPECT_EQ(kill(pid, 0), 0);
  WaitForState(id, JobState::kRunning);
  Sleep(100);
  EXPECT_EQ(store_->Get(id)->state, JobState::kRunning);
  WriteFile(Folder(id) / "go", "");
  const std::vector<Event> rest = WatchToTheEnd(id, seen);
  EXPECT_EQ(rest.front().sequence, seen + 1);
  EXPECT_EQ(std::get<StateChanged>(rest.back().what).state, "SUCCEEDED");
  EXPECT_EQ(std::get<StateChanged>(rest.back().what).model_version, "models/made/versions/1");
}

TEST_F(RestartTest, ATrainerThatFinishedMeanwhileSucceeds) {
  StartQueue();
  const std::string id = Create(FakeTrainer::kWaitForFile);
  WaitForEpochs(id, 1);
  StopServer();
  WriteFile(Folder(id) / "go", "");
  auto reader = EventLogReader::Open(Folder(id) / "events.log");
  std::vector<Event> events;
  WaitFor([&] {
    EXPECT_TRUE(reader->ReadNew(events).ok());
    return std::holds_alternative<TrainingFinished>(events.back().what);
  });
  OpenRooms();
  StartQueue();
  EXPECT_EQ(FinalState(id).model_version, "models/made/versions/1");
}

TEST_F(RestartTest, ATrainerThatDiedMeanwhileFails) {
  StartQueue();
  const std::string id = Create(FakeTrainer::kIgnoreSigterm);
  WaitForEpochs(id, 1);
  StopServer();
  kill(std::stoi(FileText(Folder(id) / "trainer.pid")), SIGKILL);
  Sleep(100);
  OpenRooms();
  StartQueue();
  const StateChanged final_state = FinalState(id);
  EXPECT_EQ(final_state.state, "FAILED");
  EXPECT_THAT(final_state.reason, HasSubstr("the trainer ended without a result while the server was not running"));
}

TEST_F(RestartTest, WhatAKilledTrainerWasWritingGoes) {
  const std::string id = LeaveJob(FakeTrainer::kRunUntilTold, {JobState::kValidating, JobState::kRunning},
                                  {State("QUEUED"), State("VALIDATING"), Of(TrainingStart{}), Epoch()});
  LeaveCheckpoint(id);
  WriteFile(Folder(id) / ".checkpoint.new" / "config.json", "{");
  StartQueue();
  EXPECT_EQ(FinalState(id).state, "FAILED");
  EXPECT_FALSE(fs::exists(Folder(id) / ".checkpoint.new"));
  EXPECT_TRUE(fs::exists(Folder(id) / "checkpoint" / "config.json"));
}

TEST_F(RestartTest, AnAdoptedTrainerCanBeCancelledAndItsDeathIsSeen) {
  StartQueue();
  const std::string deaf = Create(FakeTrainer::kIgnoreSigterm);
  WaitForEpochs(deaf, 1);
  RestartServer();
  ASSERT_TRUE(queue_->Cancel(deaf).ok());
  EXPECT_EQ(FinalState(deaf).state, "CANCELLED");
  EXPECT_EQ(store_->Get(deaf)->model_version, "models/made/versions/1");
  const std::string killed = Create(FakeTrainer::kRunUntilTold);
  WaitForEpochs(killed, 1);
  RestartServer();
  kill(std::stoi(FileText(Folder(killed) / "trainer.pid")), SIGKILL);
  EXPECT_THAT(FinalState(killed).reason, HasSubstr("the trainer ended without a result"));
}

TEST_F(RestartTest, ACancelInProgressIsFinished) {
  StartQueue();
  const std::string id = Create(FakeTrainer::kRunUntilTold);
  WaitForEpochs(id, 1);
  queue_.reset();
  ASSERT_TRUE(store_->Move(id, JobState::kCancelling).ok());  // stored, the trainer not told
  RestartServer();
  EXPECT_EQ(FinalState(id).state, "CANCELLED");
  EXPECT_EQ(store_->Get(id)->model_version, "models/made/versions/1");
}

TEST_F(RestartTest, WaitingJobsKeepTheirOrder) {
  StartQueue();
  const std::string running = Create(FakeTrainer::kWaitForFile);
  const std::string first = Create(FakeTrainer::kSucceed);
  const std::string second = Create(FakeTrainer::kSucceed);
  WaitForEpochs(running, 1);
  RestartServer();
  EXPECT_EQ(store_->Get(first)->state, JobState::kQueued);
  WriteFile(Folder(running) / "go", "");
  EXPECT_EQ(FinalState(second).model_version, "models/made/versions/3");
  EXPECT_EQ(store_->Get(first)->model_version, "models/made/versions/2");
}

TEST_F(RestartTest, KilledBeforeTheTrainerWasStartedItStartsNow) {
  for (const bool logged : {false, true}) {
    std::vector<Event> events = {State("QUEUED")};
    if (logged) events.push_back(State("VALIDATING"));
    const std::string id = LeaveJob(FakeTrainer::kSucceed, {JobState::kValidating}, events);
    WriteFile(Folder(id) / "trainer.pid", "");
    StartQueue();
    EXPECT_THAT(WatchToTheEnd(id), SizeIs(7)) << logged;  // VALIDATING stands there once
    EXPECT_EQ(store_->Get(id)->state, JobState::kSucceeded);
    ASSERT_TRUE(queue_->Delete(id).ok());
    queue_.reset();
  }
}

TEST_F(RestartTest, KilledBeforeTheModelWasRegisteredItIsRegisteredNow) {
  const std::string id = LeaveJob(FakeTrainer::kSucceed, {JobState::kValidating, JobState::kRunning}, Finished());
  LeaveCheckpoint(id);
  StartQueue();
  EXPECT_EQ(FinalState(id).model_version, "models/made/versions/1");
  EXPECT_EQ(models_->Resolve("models/made", true)->scores->micro.f1, 0.9);
}

TEST_F(RestartTest, KilledAfterTheModelWasRegisteredThereIsOneVersionOnly) {
  const std::string id = LeaveJob(FakeTrainer::kSucceed, {JobState::kValidating, JobState::kRunning}, Finished());
  LeaveCheckpoint(id);
  const fs::path incoming = models_->MakeIncomingFolder().value();
  ASSERT_TRUE(JobFolder(Folder(id)).LinkCheckpoint(incoming).ok());
  ModelOrigin origin;
  origin.job = "jobs/" + id;
  ASSERT_TRUE(models_->Add("made", incoming, origin, "").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(models_->Delete("models/made")));  // its job is not recorded as done
  StartQueue();
  EXPECT_EQ(FinalState(id).model_version, "models/made/versions/1");
  EXPECT_THAT(models_->Get("made")->versions, SizeIs(1));
}

TEST_F(RestartTest, KilledBeforeTheFinalEventItIsAppendedNow) {
  const std::string id = LeaveJob(FakeTrainer::kFail, {JobState::kValidating}, {State("QUEUED"), State("VALIDATING")});
  ASSERT_TRUE(store_->Move(id, JobState::kFailed, "bad tag on line 12").ok());
  StartQueue();
  EXPECT_EQ(FinalState(id).reason, "bad tag on line 12");
  WaitFor([&] { return store_->NotClosed().value().empty(); });
  RestartServer();
  EXPECT_THAT(WatchToTheEnd(id), SizeIs(3));
}

TEST_F(RestartTest, KilledBeforeTheLogWasMarkedCompleteNothingIsAppendedTwice) {
  const std::string id = LeaveJob(FakeTrainer::kSucceed, {JobState::kCancelled}, {State("QUEUED"), State("CANCELLED")});
  StartQueue();
  WaitFor([&] { return store_->NotClosed().value().empty(); });
  EXPECT_THAT(WatchToTheEnd(id), SizeIs(2));
}

TEST_F(RestartTest, ATornLastLineIsCutOff) {
  const std::string id = LeaveJob(FakeTrainer::kSucceed, {JobState::kValidating, JobState::kRunning},
                                  {State("QUEUED"), State("VALIDATING"), Of(TrainingStart{})});
  WriteFile(Folder(id) / "trainer.pid", "999999999\n");
  std::ofstream(Folder(id) / "events.log", std::ios::app) << "1c291ca3 {\"sequence\":4,\"ti";
  StartQueue();
  EXPECT_EQ(FinalState(id).state, "FAILED");
  EXPECT_THAT(WatchToTheEnd(id), SizeIs(4));
}

// A log is read in pieces, and a watcher may come in at any of them.
TEST_F(RestartTest, ALongLogIsWatchedFromAnySequenceNumber) {
  std::vector<Event> events = {State("QUEUED")};
  for (int i = 0; i < 8; ++i) events.push_back(Of(StateChanged{"RUNNING", std::string(400'000, 'x'), ""}));
  events.push_back(State("CANCELLED"));
  const std::string id = LeaveJob(FakeTrainer::kSucceed, {JobState::kCancelled}, events);
  StartQueue();
  EXPECT_EQ(queue_->Progress(id)->last_sequence, 10);
  for (int64_t after = 0; after <= 10; ++after) EXPECT_THAT(WatchToTheEnd(id, after), SizeIs(10 - after)) << after;
  const absl::Status beyond = Watch(id, 11, [](const Event&) { return true; });
  EXPECT_TRUE(absl::IsOutOfRange(beyond)) << beyond;
  WaitFor([&] { return store_->NotClosed().value().empty(); });
  EXPECT_THAT(Reported(id), SizeIs(10));
}

TEST_F(RestartTest, FoldersWithoutARowAreRemovedAndMissingOnesEndTheirJob) {
  WriteFile(options_.folder / "orphan" / "events.log", "");
  const std::string id = LeaveJob(FakeTrainer::kSucceed, {}, {State("QUEUED")});
  fs::remove_all(Folder(id));
  StartQueue();
  EXPECT_FALSE(fs::exists(options_.folder / "orphan"));
  WaitForState(id, JobState::kFailed);
  EXPECT_THAT(store_->Get(id)->failure_reason, HasSubstr("could not be started"));
  WaitFor([&] { return store_->NotClosed().value().empty(); });
  EXPECT_TRUE(queue_->Delete(id).ok());
}

}  // namespace
}  // namespace fintag::server
