// One job on its way from the queue to its final state: starts its trainer, follows its log, ends it, registers what it
// made. Lives in the queue's thread, but for the registration, which reads all weights. Every step can be repeated:
// after an error, or by the next server after a kill, the row, the log and the folder tell how far the job came.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/training/event_log.h"
#include "server/datasets/dataset_registry.h"
#include "server/jobs/job.h"
#include "server/jobs/job_folder.h"
#include "server/jobs/job_history.h"
#include "server/jobs/job_outcome.h"
#include "server/jobs/job_queue.h"
#include "server/jobs/job_store.h"
#include "server/jobs/launcher.h"
#include "server/models/model_registry.h"

namespace fintag::server {

// What every job needs of the rest.
struct JobSurroundings {
  JobQueueOptions options;
  JobStore& store;
  DatasetRegistry& datasets;
  ModelRegistry& models;
  Launcher& launcher;
  std::function<void(const Job&, const Event&)> on_event;
};

class FollowedJob {
 public:
  FollowedJob(Job job, JobSurroundings& surroundings);

  // For a job that an earlier server left: finds its trainer, or learns that it is gone. Once, before Advance.
  void TakeUp();
  // Gives a waiting job its turn. OK also where it was cancelled meanwhile.
  absl::Status StartTrainer();
  // One look at the process and the log, and what follows from it. Waits neither for the trainer nor for the
  // registration.
  absl::Status Advance(std::chrono::steady_clock::time_point now);

  // The row as it is now: somebody else may have cancelled the job.
  void Update(const Job& row) { job_ = row; }

  const Job& job() const { return job_; }
  bool waits() const { return job_.state == JobState::kQueued; }
  bool done() const { return done_; }  // final, and its log says so
  // Takes one of the places of running jobs.
  bool runs() const { return !waits() && !IsFinal(job_.state); }

 private:
  absl::Status Launch();
  absl::Status Restart(const std::string& reason);
  absl::Status ReadEvents();
  void EnterRunning();
  void Stop(std::chrono::steady_clock::time_point now);
  absl::Status Finish();
  absl::Status BeginRegistration(const EpochResult& kept);
  absl::Status Move(JobState to, const std::string& reason, const std::string& model_version);
  absl::Status Close();

  JobSurroundings& surroundings_;
  Job job_;
  JobFolder folder_;
  std::unique_ptr<EventLogReader> reader_;
  JobHistory history_;
  absl::Status log_status_;  // not OK once the log is damaged, or was unreadable for long
  std::optional<std::chrono::steady_clock::time_point> unreadable_since_;
  std::unique_ptr<TrainerRun> process_;
  TrainerEnd end_;
  std::shared_future<absl::StatusOr<ModelVersion>> registration_;  // once begun; its last owner waits for it
  absl::Status register_error_;                                    // why it could not be, for now
  std::chrono::steady_clock::time_point register_after_;           // when it is tried again
  bool launch_ = false;                                            // its trainer is still to be started
  std::string lost_for_;                                           // why it is started again; empty for the first time
  int32_t starts_before_ = 0;                                      // in the log
  std::optional<std::chrono::steady_clock::time_point> told_to_stop_;
  bool killed_ = false;
  bool done_ = false;
};

}  // namespace fintag::server
