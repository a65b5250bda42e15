// Every counted answer of a run.
#pragma once

#include <grpcpp/support/status_code_enum.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/bench/clock.h"

namespace fintag::bench {

struct Recorded {
  std::vector<double> latencies;        // milliseconds, of the requests that succeeded
  std::vector<double> error_latencies;  // milliseconds, of the others: they would make a server that refuses look fast
  std::map<std::string, int64_t> errors;  // by code: "DEADLINE_EXCEEDED"
  int64_t text_bytes = 0;                 // of the requests that succeeded
  Clock::time_point last;                 // the last answer; the epoch if there was none
};

// Safe to use from many threads.
class Recorder {
 public:
  // Takes the first `limit` answers.
  explicit Recorder(int64_t limit) : limit_(limit) {}

  // The answer to a request of `text_bytes` that came at `done`. Its latency counts from `since`.
  void Add(Clock::time_point since, Clock::time_point done, grpc::StatusCode code, int64_t text_bytes);
  // Takes no more.
  void Close();

  // `limit` answers are there.
  bool full() const;
  int64_t answered() const;
  int64_t failed() const;
  Recorded Take();

 private:
  const int64_t limit_;
  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
  // Deques, for a vector that grows copies all it has while a callback waits.
  std::deque<double> latencies_ ABSL_GUARDED_BY(mutex_);
  std::deque<double> error_latencies_ ABSL_GUARDED_BY(mutex_);
  std::map<grpc::StatusCode, int64_t> errors_ ABSL_GUARDED_BY(mutex_);
  int64_t text_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  Clock::time_point last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace fintag::bench
