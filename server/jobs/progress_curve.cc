#include "server/jobs/progress_curve.h"

#include <variant>

namespace fintag::server {

void ProgressCurve::Add(const Event& event) {
  const auto* progress = std::get_if<TrainingProgress>(&event.what);
  if (progress == nullptr || seen_++ % distance_ != 0) return;
  // A trainer that was started again repeats the steps since its last epoch.
  while (!points_.empty() && points_.back().progress.step >= progress->step) points_.pop_back();
  points_.push_back({event.sequence, event.unix_milliseconds, *progress});
  if (points_.size() <= kMostPoints) return;
  for (size_t i = 0; 2 * i < points_.size(); ++i) points_[i] = points_[2 * i];
  points_.resize((points_.size() + 1) / 2);
  distance_ *= 2;
}

std::vector<Event> ProgressCurve::After(int64_t after_sequence) const {
  std::vector<Event> events;
  for (const Point& point : points_) {
    if (point.sequence > after_sequence) events.push_back({point.sequence, point.unix_milliseconds, point.progress});
  }
  return events;
}

}  // namespace fintag::server
