// A whole set of rooms behind a job queue, whose trainer is fake_trainer.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/training/sha256.h"
#include "server/jobs/job_queue.h"
#include "tests/server/jobs/fake_trainer.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {

class QueueFixture : public testing::Test {
 protected:
  QueueFixture() {
    OpenRooms();
    const std::string corpus = "Acme B-ORG\nlends O\n\nOslo B-LOC\n";
    const std::filesystem::path upload = datasets_->MakeIncomingFolder().value();
    WriteFile(upload / "0", corpus);
    std::vector<DatasetLineError> errors;
    EXPECT_TRUE(
        datasets_->Add("fin", "ann", {"train.conll", Sha256Hex(corpus), upload / "0"}, std::nullopt, errors).ok());
    const std::filesystem::path import = models_->MakeIncomingFolder().value();
    std::filesystem::copy(std::filesystem::path(FINTAG_TEST_DATA) / "golden" / "checkpoints" / "safetensors", import);
    const absl::Status added = models_->Add("base", import, {}, "").status();
    EXPECT_TRUE(added.ok()) << added;
    options_.folder = data_.path() / "jobs";
    options_.trainer = FINTAG_FAKE_TRAINER;
    options_.cancel_seconds = 0.5;
  }

  // No trainer outlives its test.
  ~QueueFixture() override {
    if (queue_ == nullptr) StartQueue();
    const std::vector<Job> jobs = store_->NotClosed().value();
    for (const Job& job : jobs) queue_->Cancel(job.id).IgnoreError();
    const auto ended = [this](const Job& job) {
      const absl::StatusOr<Job> row = store_->Get(job.id);
      return !row.ok() || IsFinal(row->state);
    };
    for (int i = 0; i < 1000 && !std::all_of(jobs.begin(), jobs.end(), ended); ++i) Sleep(10);
    queue_.reset();
  }

  void OpenRooms() {
    database_ = Database::Open(data_.path() / "fintag.db").value();
    datasets_ = DatasetRegistry::Open(*database_, data_.path() / "datasets").value();
    models_ = ModelRegistry::Open(*database_, data_.path() / "models").value();
    store_ = std::make_unique<JobStore>(*database_);
  }

  void StartQueue() {
    JobObservers observers;
    observers.on_event = [this](const Job& job, const Event& event) {
      if (on_event_) on_event_(job, event);
      const std::lock_guard<std::mutex> lock(mutex_);
      reported_[job.id].push_back(event.sequence);
    };
    observers.on_trouble = [this](const std::string& id, const absl::Status& status) {
      const std::lock_guard<std::mutex> lock(mutex_);
      troubles_[id].push_back(status);
    };
    absl::StatusOr<std::unique_ptr<JobQueue>> queue =
        JobQueue::Start(options_, *store_, *datasets_, *models_, observers);
    ASSERT_TRUE(queue.ok()) << queue.status();
    queue_ = *std::move(queue);
  }

  // As a stop and a start of the server: running trainers go on.
  void StopServer() {
    queue_.reset();
    store_.reset();
    models_.reset();
    datasets_.reset();
    database_.reset();
    const std::lock_guard<std::mutex> lock(mutex_);
    reported_.clear();
  }
  void RestartServer() {
    StopServer();
    OpenRooms();
    StartQueue();
  }

  static Job Specification(FakeTrainer behaviour) {
    Job job;
    job.dataset = "datasets/fin";
    job.base = "models/base/versions/1";
    job.model = "models/made";
    job.options.seed = static_cast<uint64_t>(behaviour);
    return job;
  }

  std::string Create(FakeTrainer behaviour) {
    const absl::StatusOr<Job> job = queue_->Create(Specification(behaviour));
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->id : "";
  }

  static void Sleep(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

  // Calls `on_event` with what a watcher gets, until there is no more or it returns false.
  absl::Status Watch(const std::string& id, int64_t after, const std::function<bool(const Event&)>& on_event) {
    absl::Mutex mutex;
    bool news = false;
    const absl::StatusOr<std::unique_ptr<JobWatch>> watch = queue_->Watch(id, after, [&] {
      const absl::MutexLock lock(&mutex);
      news = true;
    });
    if (!watch.ok()) return watch.status();
    while (true) {
      {
        const absl::MutexLock lock(&mutex);
        news = false;
      }
      const absl::StatusOr<std::shared_ptr<const Event>> event = (*watch)->Next();
      if (!event.ok()) return event.status();
      if (*event != nullptr && !on_event(**event)) return absl::OkStatus();
      if (*event != nullptr) continue;
      if ((*watch)->ended()) return absl::OkStatus();
      const absl::MutexLock lock(&mutex);
      if (!mutex.AwaitWithTimeout(absl::Condition(&news), absl::Seconds(20))) {
        return absl::DeadlineExceededError("nothing new for 20 seconds");
      }
    }
  }

  // Every event up to the final one.
  std::vector<Event> WatchToTheEnd(const std::string& id, int64_t after = 0) {
    std::vector<Event> events;
    const absl::Status status = Watch(id, after, [&](const Event& event) {
      events.push_back(event);
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    return events;
  }

  StateChanged FinalState(const std::string& id) {
    const std::vector<Event> events = WatchToTheEnd(id);
    const auto* state = events.empty() ? nullptr : std::get_if<StateChanged>(&events.back().what);
    return state == nullptr ? StateChanged() : *state;
  }

  void WaitFor(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) Sleep(10);
    ASSERT_TRUE(condition());
  }
  void WaitForState(const std::string& id, JobState state) {
    WaitFor([&] { return store_->Get(id)->state == state; });
  }
  void WaitForEpochs(const std::string& id, size_t epochs) {
    WaitFor([&] { return queue_->Progress(id)->epochs.size() >= epochs; });
  }

  std::vector<int64_t> Reported(const std::string& id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return reported_[id];
  }

  std::vector<absl::Status> Troubles(const std::string& id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return troubles_[id];
  }

  std::filesystem::path Folder(const std::string& id) const { return options_.folder / id; }

  TemporaryFolder data_;
  JobQueueOptions options_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<DatasetRegistry> datasets_;
  std::unique_ptr<ModelRegistry> models_;
  std::unique_ptr<JobStore> store_;
  std::unique_ptr<JobQueue> queue_;
  std::function<void(const Job&, const Event&)> on_event_;  // by the queue's thread

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<int64_t>> reported_;
  std::map<std::string, std::vector<absl::Status>> troubles_;
};

}  // namespace fintag::server
