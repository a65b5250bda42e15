// What a job's event log says, summed up.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/training/event_log.h"
#include "core/training/training_options.h"
#include "server/jobs/progress_curve.h"

namespace fintag::server {

// What one job has done so far, read from its event log.
struct JobProgress {
  std::vector<EpochResult> epochs;
  TrainingProgress latest;  // step 0 before the first
  Scores word_lookup;
  int64_t last_sequence = 0;
};

struct JobHistory {
  JobProgress progress;
  ProgressCurve curve;
  int32_t starts = 0;    // how often the server was about to start the trainer
  bool started = false;  // the trainer has begun to train
  std::optional<TrainingFinished> finished;
  std::optional<TrainingFailed> failed;
  std::optional<StateChanged> final_state;

  void Add(const Event& event);
  // The epoch whose weights are in the checkpoint; null if no epoch was finished.
  const EpochResult* KeptEpoch(KeepCheckpoint keep) const;
};

}  // namespace fintag::server
