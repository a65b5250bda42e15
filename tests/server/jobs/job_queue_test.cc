// The life of jobs while one server runs.
#include "server/jobs/job_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>

#include "tests/server/jobs/queue_fixture.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class JobQueueTest : public QueueFixture {
 protected:
  JobQueueTest() { StartQueue(); }

  void Run(const std::string& sql) {
    const absl::Status status = database_->Execute(sql).status();
    EXPECT_TRUE(status.ok()) << status;
  }

  static std::vector<std::string> KindsOf(const std::vector<Event>& events) {
    std::vector<std::string> kinds;
    for (const Event& event : events) {
      if (const auto* state = std::get_if<StateChanged>(&event.what)) kinds.push_back(state->state);
      if (std::holds_alternative<TrainingStart>(event.what)) kinds.push_back("start");
      if (std::holds_alternative<EpochResult>(event.what)) kinds.push_back("epoch");
      if (std::holds_alternative<TrainingFinished>(event.what)) kinds.push_back("finished");
    }
    return kinds;
  }
};

TEST_F(JobQueueTest, AJobRunsToAModelVersion) {
  const std::string id = Create(FakeTrainer::kSucceed);
  const std::vector<Event> events = WatchToTheEnd(id);
  EXPECT_THAT(KindsOf(events), ElementsAre("QUEUED", "VALIDATING", "start", "epoch", "epoch", "finished", "SUCCEEDED"));
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence, static_cast<int64_t>(i) + 1);
  EXPECT_EQ(std::get<StateChanged>(events.back().what).model_version, "models/made/versions/1");
  const Job job = store_->Get(id).value();  // the row was final before the event
  EXPECT_EQ(job.failure_reason, "");
  EXPECT_EQ(job.state, JobState::kSucceeded);
  EXPECT_EQ(job.model_version, "models/made/versions/1");
  EXPECT_LE(job.create_time_ms, job.start_time_ms);
  EXPECT_LE(job.start_time_ms, job.end_time_ms);
  const ModelVersion version = models_->Resolve("models/made", true).value();
  EXPECT_EQ(version.job, "jobs/" + id);
  EXPECT_EQ(version.base, "models/base/versions/1");
  EXPECT_EQ(version.dataset, "datasets/fin");
  EXPECT_EQ(version.scores->micro.f1, 0.75);  // of the epoch that was kept, not of the last
  EXPECT_EQ(version.unseen->f1, 0.375);
  EXPECT_EQ(version.word_lookup->micro.f1, 0.5);
  const JobProgress progress = queue_->Progress(id).value();
  EXPECT_THAT(progress.epochs, SizeIs(2));
  EXPECT_EQ(progress.last_sequence, 7);
  EXPECT_EQ(progress.word_lookup.micro.f1, 0.5);
  WaitFor([&] { return store_->NotClosed().value().empty(); });
  EXPECT_THAT(Reported(id), ElementsAre(1, 2, 3, 4, 5, 6, 7));
  WaitFor([&] { return !fs::exists(Folder(id) / "checkpoint"); });
}

// What Create does about it where it chose the id itself: it takes another.
TEST_F(JobQueueTest, AnIdThatIsTakenHarmsNoJob) {
  const std::string id = Create(FakeTrainer::kSucceed);
  Job second = Specification(FakeTrainer::kFail);
  second.id = id;
  const absl::Status refused = queue_->Create(second).status();
  EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
  EXPECT_EQ(WatchToTheEnd(id).size(), 7U);
  EXPECT_EQ(store_->Get(id)->state, JobState::kSucceeded);
}

TEST_F(JobQueueTest, FailuresCarryTheTrainersOwnReason) {
  const std::string bad = Create(FakeTrainer::kFail);
  const std::string killed = Create(FakeTrainer::kKillItself);
  const std::string silent = Create(FakeTrainer::kExitSilently);
  const std::string spoilt = Create(FakeTrainer::kSpoilCheckpoint);
  EXPECT_EQ(FinalState(bad).reason, "train.conll:12: bad tag");
  EXPECT_EQ(store_->Get(bad)->failure_reason, "train.conll:12: bad tag");
  EXPECT_THAT(FinalState(killed).reason, StartsWith("killed by signal 9 (SIGKILL)"));
  EXPECT_EQ(FinalState(silent).reason,
            "exited with status 3; its last output:\nfirst line\nlibfoo.so: cannot open shared object file");
  EXPECT_THAT(FinalState(spoilt).reason, StartsWith("the model could not be stored: "));
  EXPECT_THAT(FinalState(spoilt).reason, HasSubstr("config.json"));
  EXPECT_TRUE(absl::IsNotFound(models_->Get("made").status()));
  for (const std::string& id : {bad, killed, silent, spoilt}) {
    EXPECT_EQ(store_->Get(id)->state, JobState::kFailed);
    EXPECT_EQ(FinalState(id).state, "FAILED");
  }
}

TEST_F(JobQueueTest, AMissingTrainerFailsTheJob) {
  queue_.reset();
  options_.trainer = data_.path() / "no-such-program";
  StartQueue();
  EXPECT_THAT(FinalState(Create(FakeTrainer::kSucceed)).reason, HasSubstr("no-such-program"));
}

TEST_F(JobQueueTest, JobsWaitTheirTurn) {
  const std::string first = Create(FakeTrainer::kWaitForFile);
  const std::string second = Create(FakeTrainer::kSucceed);
  const std::string third = Create(FakeTrainer::kSucceed);
  WaitForState(first, JobState::kRunning);
  Sleep(200);
  EXPECT_EQ(store_->Get(second)->state, JobState::kQueued);
  EXPECT_EQ(store_->Get(third)->state, JobState::kQueued);
  WriteFile(Folder(first) / "go", "");
  EXPECT_EQ(FinalState(third).model_version, "models/made/versions/3");
  EXPECT_EQ(store_->Get(second)->model_version, "models/made/versions/2");
  EXPECT_LE(store_->Get(second)->end_time_ms, store_->Get(third)->start_time_ms);
}

TEST_F(JobQueueTest, SeveralRunAtOnceWhereAllowed) {
  queue_.reset();
  options_.max_running_jobs = 2;
  StartQueue();
  const std::string first = Create(FakeTrainer::kRunUntilTold);
  const std::string second = Create(FakeTrainer::kRunUntilTold);
  const std::string third = Create(FakeTrainer::kSucceed);
  WaitForState(first, JobState::kRunning);
  WaitForState(second, JobState::kRunning);
  EXPECT_EQ(store_->Get(third)->state, JobState::kQueued);
  ASSERT_TRUE(queue_->Cancel(first).ok());
  EXPECT_EQ(FinalState(third).state, "SUCCEEDED");
  EXPECT_EQ(store_->Get(second)->state, JobState::kRunning);
}

TEST_F(JobQueueTest, AWaitingJobIsCancelledAtOnce) {
  const std::string first = Create(FakeTrainer::kRunUntilTold);
  const std::string second = Create(FakeTrainer::kSucceed);
  const absl::StatusOr<Job> cancelled = queue_->Cancel(second);
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->state, JobState::kCancelled);
  EXPECT_THAT(KindsOf(WatchToTheEnd(second)), ElementsAre("QUEUED", "CANCELLED"));
  EXPECT_TRUE(absl::IsFailedPrecondition(queue_->Cancel(second).status()));
  EXPECT_TRUE(absl::IsNotFound(queue_->Cancel("nobody").status()));
}

TEST_F(JobQueueTest, CancelKeepsWhatTheLastEpochWrote) {
  const std::string id = Create(FakeTrainer::kRunUntilTold);
  WaitForEpochs(id, 1);
  const auto start = std::chrono::steady_clock::now();
  const absl::StatusOr<Job> cancelling = queue_->Cancel(id);
  ASSERT_TRUE(cancelling.ok()) << cancelling.status();
  EXPECT_EQ(cancelling->state, JobState::kCancelling);
  EXPECT_TRUE(queue_->Cancel(id).ok());  // a second time is no mistake
  const StateChanged final_state = FinalState(id);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(final_state.state, "CANCELLED");
  EXPECT_EQ(final_state.model_version, "models/made/versions/1");
  EXPECT_EQ(models_->Resolve("models/made", true)->scores->micro.f1, 0.7);
}

TEST_F(JobQueueTest, ADeafTrainerIsKilledAndItsEpochsKept) {
  const std::string with_epoch = Create(FakeTrainer::kIgnoreSigterm);
  WaitForEpochs(with_epoch, 1);
  auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(queue_->Cancel(with_epoch).ok());
  EXPECT_EQ(FinalState(with_epoch).model_version, "models/made/versions/1");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  const std::string without = Create(FakeTrainer::kHangBeforeEpoch);
  WaitForState(without, JobState::kRunning);
  ASSERT_TRUE(queue_->Cancel(without).ok());
  const StateChanged final_state = FinalState(without);
  EXPECT_EQ(final_state.state, "CANCELLED");
  EXPECT_EQ(final_state.model_version, "");
  EXPECT_EQ(final_state.reason, "");
}

TEST_F(JobQueueTest, AnEpochWhoseEventWasNeverWrittenIsKept) {
  const std::string id = Create(FakeTrainer::kHangBeforeEvent);
  WaitFor([&] { return fs::exists(Folder(id) / "checkpoint" / "fintag.json"); });
  ASSERT_TRUE(queue_->Cancel(id).ok());
  const StateChanged final_state = FinalState(id);
  EXPECT_EQ(final_state.state, "CANCELLED");
  EXPECT_EQ(final_state.model_version, "models/made/versions/1");
  EXPECT_EQ(models_->Resolve("models/made", true)->scores->micro.f1, 0.8);
}

// As on a disk that fails for good: nobody could learn what becomes of the trainer.
TEST_F(JobQueueTest, ALogThatStaysUnreadableFailsTheJob) {
  const std::string id = Create(FakeTrainer::kIgnoreSigterm);
  WaitForEpochs(id, 1);
  WaitForState(id, JobState::kRunning);
  fs::rename(Folder(id) / "events.log", Folder(id) / "events.moved");
  fs::create_directory(Folder(id) / "events.log");
  kill(std::stoi(FileText(Folder(id) / "trainer.pid")), SIGKILL);
  WaitFor([&] { return !Troubles(id).empty(); });
  EXPECT_EQ(store_->Get(id)->state, JobState::kRunning);
  for (int i = 0; i < 2000 && store_->Get(id)->state != JobState::kFailed; ++i) Sleep(10);
  EXPECT_EQ(store_->Get(id)->state, JobState::kFailed);
  EXPECT_THAT(store_->Get(id)->failure_reason, StartsWith("the event log cannot be read: "));
}

TEST_F(JobQueueTest, ATrainerKilledByOthersFailsItsJob) {
  const std::string id = Create(FakeTrainer::kIgnoreSigterm);
  WaitForEpochs(id, 1);
  kill(std::stoi(FileText(Folder(id) / "trainer.pid")), SIGKILL);
  const StateChanged final_state = FinalState(id);
  EXPECT_EQ(final_state.state, "FAILED");
  EXPECT_THAT(final_state.reason, StartsWith("killed by signal 9 (SIGKILL)"));
}

TEST_F(JobQueueTest, ADamagedLogFailsTheJobAndItsWatchersHearOfIt) {
  const std::string id = Create(FakeTrainer::kDamageLog);
  const absl::Status from_the_start = Watch(id, 0, [](const Event&) { return true; });
  EXPECT_TRUE(absl::IsDataLoss(from_the_start)) << from_the_start;
  WaitForState(id, JobState::kFailed);
  EXPECT_THAT(store_->Get(id)->failure_reason, HasSubstr("event log"));
  const absl::Status status = Watch(id, 0, [](const Event&) { return true; });
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(queue_->Progress(id)->last_sequence, 3);
  WaitFor([&] { return store_->NotClosed().value().empty(); });
}

TEST_F(JobQueueTest, TroubleIsToldOnceAndSoIsItsEnd) {
  Run("CREATE TRIGGER stuck BEFORE UPDATE ON jobs WHEN NEW.state = 'VALIDATING' BEGIN SELECT RAISE(FAIL, 'stuck'); "
      "END");
  const std::string id = Create(FakeTrainer::kSucceed);
  WaitFor([&] { return !Troubles(id).empty(); });
  Sleep(1000);  // some tries
  ASSERT_THAT(Troubles(id), SizeIs(1));
  EXPECT_THAT(std::string(Troubles(id)[0].message()), HasSubstr("stuck"));
  Run("DROP TRIGGER stuck");
  EXPECT_EQ(FinalState(id).state, "SUCCEEDED");
  EXPECT_THAT(Troubles(id), ElementsAre(testing::_, absl::OkStatus()));
}

TEST_F(JobQueueTest, AJobWhoseRowCannotBeReadYetIsReadLater) {
  std::atomic<bool> held = false;
  std::atomic<bool> release = false;
  on_event_ = [&](const Job&, const Event&) {
    held = true;
    while (!release) Sleep(5);
  };
  const std::string first = Create(FakeTrainer::kSucceed);
  WaitFor([&] { return held.load(); });
  const std::string second = Create(FakeTrainer::kSucceed);
  Run("ALTER TABLE jobs RENAME TO away");
  release = true;
  WaitFor([&] { return Troubles("").size() == 1; });
  Run("ALTER TABLE away RENAME TO jobs");
  EXPECT_EQ(FinalState(second).state, "SUCCEEDED");
  EXPECT_EQ(store_->Get(first)->state, JobState::kSucceeded);
  ASSERT_THAT(Troubles(""), SizeIs(2));
  EXPECT_EQ(Troubles("").back(), absl::OkStatus());
}

TEST_F(JobQueueTest, AJobThatIsCancelledWhenItIsMadeEndsAsSuch) {
  std::atomic<bool> release = false;
  on_event_ = [&](const Job&, const Event&) {
    while (!release) Sleep(5);
  };
  Create(FakeTrainer::kSucceed);
  const std::string second = Create(FakeTrainer::kSucceed);
  const std::string third = Create(FakeTrainer::kSucceed);
  ASSERT_TRUE(queue_->Cancel(second).ok());
  release = true;
  EXPECT_EQ(FinalState(second).state, "CANCELLED");
  EXPECT_EQ(FinalState(third).state, "SUCCEEDED");
  WaitFor([&] { return store_->NotClosed().value().empty(); });
}

TEST_F(JobQueueTest, ARowThatCannotBeReadHoldsUpNoOtherJob) {
  queue_.reset();
  bool created = false;
  const Job damaged = store_->Insert(Specification(FakeTrainer::kSucceed), created).value();
  Run("UPDATE jobs SET options = '{' WHERE id = '" + damaged.id + "'");
  StartQueue();
  EXPECT_EQ(FinalState(Create(FakeTrainer::kSucceed)).state, "SUCCEEDED");
  ASSERT_THAT(Troubles(damaged.id), SizeIs(1));
  EXPECT_TRUE(absl::IsDataLoss(Troubles(damaged.id)[0]));
  Run("DELETE FROM jobs WHERE id = '" + damaged.id + "'");
}

TEST_F(JobQueueTest, ARetryOfCreateMakesNoSecondJob) {
  Job job = Specification(FakeTrainer::kSucceed);
  job.request_id = "r1";
  const Job first = queue_->Create(job).value();
  EXPECT_EQ(queue_->Create(job)->id, first.id);
  EXPECT_EQ(FinalState(first.id).state, "SUCCEEDED");
  EXPECT_EQ(queue_->Create(job)->id, first.id);
  job.dataset = "datasets/other";
  job.request_id = "";
  EXPECT_TRUE(absl::IsNotFound(queue_->Create(job).status()));
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(options_.folder)) folders.push_back(entry.path().filename());
  EXPECT_THAT(folders, testing::UnorderedElementsAre(first.id, ".incoming"));
}

TEST_F(JobQueueTest, AJobThatIsDeletedAtItsEndIsNoTrouble) {
  // Between its final event and the close of its log.
  on_event_ = [this](const Job& job, const Event& event) {
    const auto* change = std::get_if<StateChanged>(&event.what);
    if (change != nullptr && IsFinalState(change->state)) {
      EXPECT_TRUE(store_->Delete(job.id).ok());
    }
  };
  const std::string id = Create(FakeTrainer::kSucceed);
  WaitFor([&] { return absl::IsNotFound(store_->Get(id).status()); });
  Sleep(300);
  EXPECT_THAT(Troubles(id), IsEmpty());
}

TEST_F(JobQueueTest, WhatAJobNeedsCannotBeDeletedUntilItIsDone) {
  const std::string id = Create(FakeTrainer::kRunUntilTold);
  EXPECT_TRUE(absl::IsFailedPrecondition(datasets_->Delete("fin")));
  EXPECT_TRUE(absl::IsFailedPrecondition(models_->Delete("models/base")));
  EXPECT_TRUE(absl::IsFailedPrecondition(queue_->Delete(id)));
  WaitForEpochs(id, 1);
  ASSERT_TRUE(queue_->Cancel(id).ok());
  EXPECT_EQ(FinalState(id).state, "CANCELLED");
  EXPECT_TRUE(datasets_->Delete("fin").ok());
  EXPECT_TRUE(models_->Delete("models/base").ok());
  EXPECT_TRUE(queue_->Delete(id).ok());
  EXPECT_FALSE(fs::exists(Folder(id)));
  EXPECT_TRUE(absl::IsNotFound(queue_->Progress(id).status()));
  EXPECT_EQ(models_->Resolve("models/made", true)->version, 1);  // what it made stays
}

}  // namespace
}  // namespace fintag::server
