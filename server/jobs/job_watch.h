// A watcher's place among the events of one job.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "core/training/event_log.h"

namespace fintag::server {

// Of one thread at a time.
class JobWatch {
 public:
  virtual ~JobWatch() = default;

  // The next event after `after_sequence`, in order; null where there is none yet, or none any more. May read a piece
  // of the job's log. OUT_OF_RANGE if after_sequence lies beyond the last event; NOT_FOUND once the job is deleted;
  // otherwise as EventLogReader.
  virtual absl::StatusOr<std::shared_ptr<const Event>> Next() = 0;
  // The final event was the last one, or the log of a job that is done has no more.
  virtual bool ended() const = 0;
};

}  // namespace fintag::server
