// What watchers and callers are told of a job: its events, its progress, its curve.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/training/training_json.h"
#include "tests/server/jobs/queue_fixture.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class JobWatchTest : public QueueFixture {
 protected:
  JobWatchTest() { StartQueue(); }
};

TEST_F(JobWatchTest, AWatchOfADoneJobEndsWhereItsLogWasTakenAway) {
  const std::string id = Create(FakeTrainer::kSucceed);
  EXPECT_EQ(FinalState(id).state, "SUCCEEDED");
  WaitFor([&] { return store_->NotClosed().value().empty(); });
  fs::remove(Folder(id) / "events.log");
  EXPECT_THAT(WatchToTheEnd(id), IsEmpty());
}

TEST_F(JobWatchTest, WatchersGoOnFromTheirSequenceNumber) {
  const std::string id = Create(FakeTrainer::kSucceed);
  const std::vector<Event> all = WatchToTheEnd(id);
  for (size_t after = 0; after <= all.size(); ++after) {
    const std::vector<Event> rest = WatchToTheEnd(id, static_cast<int64_t>(after));
    ASSERT_EQ(rest.size(), all.size() - after);
    if (!rest.empty()) {
      EXPECT_EQ(rest.front().sequence, static_cast<int64_t>(after) + 1);
    }
  }
  const auto never = [](const Event&) { return true; };
  EXPECT_TRUE(absl::IsOutOfRange(Watch(id, std::ssize(all) + 1, never)));
  EXPECT_TRUE(absl::IsNotFound(Watch("nobody", 0, never)));
}

TEST_F(JobWatchTest, AClosedJobIsToldWithoutItsLog) {
  const std::string id = Create(FakeTrainer::kSucceed);
  WatchToTheEnd(id);
  WaitFor([&] { return store_->Get(id)->log_closed; });
  const JobProgress before = queue_->Progress(id).value();
  const std::vector<Event> curve = queue_->Curve(id, 0).value();
  ASSERT_THAT(before.epochs, ::testing::Not(IsEmpty()));
  const auto expect_same = [&] {
    RestartServer();
    const JobProgress after = queue_->Progress(id).value();
    EXPECT_EQ(after.last_sequence, before.last_sequence);
    EXPECT_EQ(ToJson(after.latest), ToJson(before.latest));
    EXPECT_EQ(ToJson(after.word_lookup), ToJson(before.word_lookup));
    ASSERT_EQ(after.epochs.size(), before.epochs.size());
    for (size_t i = 0; i < after.epochs.size(); ++i) EXPECT_EQ(ToJson(after.epochs[i]), ToJson(before.epochs[i]));
  };
  fs::rename(Folder(id) / "events.log", Folder(id) / "away");
  expect_same();
  fs::rename(Folder(id) / "away", Folder(id) / "events.log");
  EXPECT_EQ(queue_->Curve(id, 0)->size(), curve.size());
  // By the log where there is no such file, or a damaged one.
  WriteFile(Folder(id) / "progress.json", "{\"epochs\": [");
  expect_same();
  WriteFile(Folder(id) / "progress.json", "{\"epochs\": 1}");
  expect_same();
  fs::remove(Folder(id) / "progress.json");
  expect_same();
}

TEST_F(JobWatchTest, TheCurveHasTheProgressAfterASequenceNumber) {
  const std::string id = Create(FakeTrainer::kRunUntilTold);
  WaitFor([&] { return queue_->Curve(id, 0).value().size() >= 3; });
  const std::vector<Event> curve = queue_->Curve(id, 0).value();
  for (const Event& event : curve) EXPECT_TRUE(std::holds_alternative<TrainingProgress>(event.what));
  const std::vector<Event> rest = queue_->Curve(id, curve[1].sequence).value();
  ASSERT_GE(rest.size(), curve.size() - 2);
  EXPECT_EQ(rest[0].sequence, curve[2].sequence);
  EXPECT_TRUE(absl::IsNotFound(queue_->Curve("none", 0).status()));
}

TEST_F(JobWatchTest, ASlowWatcherHoldsUpNobody) {
  const std::string id = Create(FakeTrainer::kWaitForFile);
  std::atomic<bool> release = false;
  std::vector<int64_t> slow;
  std::thread watcher([&] {
    const absl::Status status = Watch(id, 0, [&](const Event& event) {
      while (!release) Sleep(5);
      slow.push_back(event.sequence);
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
  });
  WriteFile(Folder(id) / "go", "");
  EXPECT_THAT(WatchToTheEnd(id), SizeIs(7));
  release = true;
  watcher.join();
  EXPECT_THAT(slow, ElementsAre(1, 2, 3, 4, 5, 6, 7));
}

TEST_F(JobWatchTest, AWatcherMayHaveEnough) {
  const std::string id = Create(FakeTrainer::kRunUntilTold);
  int events = 0;
  EXPECT_TRUE(Watch(id, 0, [&](const Event&) { return ++events < 2; }).ok());
  EXPECT_EQ(events, 2);
}

}  // namespace
}  // namespace fintag::server
