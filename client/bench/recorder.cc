#include "client/bench/recorder.h"

#include <algorithm>

#include "absl/status/status.h"

namespace fintag::bench {

void Recorder::Add(Clock::time_point since, Clock::time_point done, grpc::StatusCode code, int64_t text_bytes) {
  const double milliseconds = SecondsBetween(since, done) * 1e3;
  absl::MutexLock lock(&mutex_);
  if (closed_ || answered_ >= limit_) return;
  ++answered_;
  last_ = std::max(last_, done);
  if (code == grpc::StatusCode::OK) {
    latencies_.push_back(milliseconds);
    text_bytes_ += text_bytes;
  } else {
    error_latencies_.push_back(milliseconds);
    ++errors_[code];
  }
}

void Recorder::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

bool Recorder::full() const {
  absl::MutexLock lock(&mutex_);
  return answered_ >= limit_;
}

int64_t Recorder::answered() const {
  absl::MutexLock lock(&mutex_);
  return answered_;
}

int64_t Recorder::failed() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(error_latencies_.size());
}

Recorded Recorder::Take() {
  absl::MutexLock lock(&mutex_);
  Recorded recorded;
  recorded.latencies.assign(latencies_.begin(), latencies_.end());
  recorded.error_latencies.assign(error_latencies_.begin(), error_latencies_.end());
  for (const auto& [code, count] : errors_) {
    recorded.errors[absl::StatusCodeToString(static_cast<absl::StatusCode>(code))] = count;
  }
  recorded.text_bytes = text_bytes_;
  recorded.last = last_;
  return recorded;
}

}  // namespace fintag::bench
