// How a job ended, judged by its event log and by how its trainer went. No side effects.
#pragma once

#include <optional>
#include <string>

#include "server/jobs/job.h"
#include "server/jobs/job_history.h"
#include "server/jobs/trainer_run.h"

namespace fintag::server {

// What is known of a trainer that runs no more.
struct TrainerEnd {
  std::optional<WorkerExit> exit;       // absent: it ended while no server watched
  std::string output;                   // the last lines of what it printed
  bool restored = false;                // it trained in the service that this one was restored from a backup of
  std::string launch_error;             // it could not be started; empty otherwise
  std::optional<EpochResult> recorded;  // JobFolder::RecordedEpoch
};

struct JobOutcome {
  JobState state = JobState::kFailed;  // CANCELLED, SUCCEEDED or FAILED
  std::string reason;                  // of FAILED
  bool lost = false;                   // FAILED from outside: another trainer may come to an end
  const EpochResult* kept = nullptr;   // whose checkpoint becomes a model version; points into history or end
};

// `job` is in state VALIDATING, RUNNING or CANCELLING.
JobOutcome JudgeOutcome(const Job& job, const JobHistory& history, const TrainerEnd& end);

}  // namespace fintag::server
