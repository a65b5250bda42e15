// Runs the jobs: starts trainers in order, follows their event logs, ends them, takes them up again after a restart.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/training/event_log.h"
#include "server/datasets/dataset_registry.h"
#include "server/jobs/job.h"
#include "server/jobs/job_history.h"
#include "server/jobs/job_store.h"
#include "server/jobs/job_watch.h"
#include "server/jobs/launcher.h"
#include "server/models/model_registry.h"

namespace fintag::server {

struct JobQueueOptions {
  std::filesystem::path folder;   // DATA/jobs; a job's folder is folder/{id} (JOB_FOLDER.md)
  std::filesystem::path trainer;  // the program fintag-train
  TrainerLimits limits;           // of each
  bool slurm = false;             // trainers are jobs of Slurm (slurm_launcher.h), not children
  std::vector<std::string> slurm_options;
  int32_t max_running_jobs = 1;
  // How often a job whose trainer was killed or lost is started again, from its last epoch (JOB_FOLDER.md).
  int32_t max_restarts = 0;
  double cancel_seconds = 1;  // from SIGTERM to SIGKILL; what follows fits into the second of two
};

struct JobObservers {
  // Told of every event of every job once (since this start): the metrics.
  std::function<void(const Job&, const Event&)> on_event;
  // Told when a job's next step fails, when it fails for another reason, and, with OK, when it goes on. The queue tries
  // again by itself. `id` is empty where no row can be read.
  // From the launcher's thread, with an empty id, where a scheduler does not answer.
  std::function<void(const std::string& id, const absl::Status&)> on_trouble;
  // From the launcher's thread: what its scheduler says of a job, at each change.
  std::function<void(const std::string& id, const std::string& state)> on_launcher;
};

class JobQueue {
 public:
  // Starts the queue's thread; takes up what an earlier server left: trainers that still run, logs that went on
  // without it, final states not yet recorded.
  // The observers are called from the queue's thread, and before Start returns.
  static absl::StatusOr<std::unique_ptr<JobQueue>> Start(const JobQueueOptions& options, JobStore& store,
                                                         DatasetRegistry& datasets, ModelRegistry& models,
                                                         JobObservers observers);
  // Stops following; running trainers go on.
  virtual ~JobQueue() = default;

  // Stores the job, writes its folder and its first event (QUEUED), and wakes the queue. As JobStore::Insert.
  virtual absl::StatusOr<Job> Create(Job job) = 0;
  // FAILED_PRECONDITION if it is done. A waiting job is CANCELLED at once; a running one is told to stop and then,
  // after cancel_seconds, killed with its process group.
  virtual absl::StatusOr<Job> Cancel(const std::string& id) = 0;
  // Row and folder. FAILED_PRECONDITION unless final.
  virtual absl::Status Delete(const std::string& id) = 0;

  // Of a damaged log, what stands before the damage. NOT_FOUND.
  virtual absl::StatusOr<JobProgress> Progress(const std::string& id) = 0;
  // Its progress events after `after_sequence`, thinned where they are many (progress_curve.h). NOT_FOUND.
  virtual absl::StatusOr<std::vector<Event>> Curve(const std::string& id, int64_t after_sequence) = 0;

  // What a watcher sees: the events after `after_sequence`, as they come, until the final one. `on_news` is called,
  // from any thread, whenever the watch may have something again after it had nothing; it must be brief, and must not
  // end the watch. A slow watcher holds up nobody. NOT_FOUND.
  virtual absl::StatusOr<std::unique_ptr<JobWatch>> Watch(const std::string& id, int64_t after_sequence,
                                                          std::function<void()> on_news) = 0;
};

}  // namespace fintag::server
