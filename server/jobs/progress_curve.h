// The course of one job's training, thinned so that it stays small however long the job runs.
#pragma once

#include <cstdint>
#include <vector>

#include "core/training/event_log.h"

namespace fintag::server {

class ProgressCurve {
 public:
  static constexpr size_t kMostPoints = 512;

  // Takes progress events alone. Once they are more than kMostPoints every second one goes, then every second of those,
  // and so on: what is left always has even distances.
  void Add(const Event& event);
  // The events that are left, after `after_sequence`, in order.
  std::vector<Event> After(int64_t after_sequence) const;

 private:
  struct Point {
    int64_t sequence;
    int64_t unix_milliseconds;
    TrainingProgress progress;
  };
  std::vector<Point> points_;
  int64_t seen_ = 0;      // progress events
  int64_t distance_ = 1;  // between those kept; a power of two
};

}  // namespace fintag::server
