// The queue of tag requests of one loaded model version: many callers' windows, packed into batches by token budget,
// run on the model's own thread. What is cancelled or too late is dropped before work is done for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tagging/tagger.h"

namespace fintag::server {

struct TagSchedulerOptions {
  int64_t max_queue_tokens = 262144;  // beyond: RESOURCE_EXHAUSTED. A request larger than that alone: the same limit
                                      // holds, INVALID_ARGUMENT with what to do (send fewer texts)
  int64_t max_batch_tokens = 2048;    // of one forward pass; one window at least
};

// Told by the model's thread after every batch.
struct BatchReport {
  int64_t tokens = 0;
  int64_t windows = 0;
  double seconds = 0;                 // of the forward pass
  std::vector<double> queue_seconds;  // of the requests whose first window ran in it
};

// A request that came into the queue and left it, or a batch, without an answer: too late, cancelled, or its batch
// failed. Told by its caller's thread.
struct DroppedRequest {
  std::string trace_id;
  absl::Status status;
  int64_t tokens = 0;
  double seconds = 0;  // since it came
};

struct TagObservers {
  std::function<void(const BatchReport&)> on_batch;
  std::function<void(const DroppedRequest&)> on_drop;
};

class TagScheduler {
 public:
  static std::unique_ptr<TagScheduler> Start(std::shared_ptr<const Tagger> tagger, const TagSchedulerOptions& options,
                                             TagObservers observers);
  // Finishes what is queued, then ends the thread; requests that come meanwhile are UNAVAILABLE.
  virtual ~TagScheduler() = default;

  // Before a request is encoded, which has `least_tokens` or more: RESOURCE_EXHAUSTED where Run would refuse it as
  // well, unless much leaves the queue meanwhile.
  virtual absl::Status CheckRoom(int64_t least_tokens) const = 0;

  // Blocks until every window of `sentences` went through the model. A request larger than a batch gives way to the
  // others after each. RESOURCE_EXHAUSTED if the queue is full, INVALID_ARGUMENT if the request alone is larger than
  // it, DEADLINE_EXCEEDED or CANCELLED if that came first (`cancelled` is asked when the request's turn comes in a
  // batch, by another thread). An error of Tagger::Forward reaches every request of its batch.
  // `trace_id` is what observers know the request by.
  virtual absl::Status Run(std::vector<EncodedSentence>& sentences, std::chrono::system_clock::time_point deadline,
                           const std::function<bool()>& cancelled, const std::string& trace_id) = 0;

  virtual int64_t queue_tokens() const = 0;
  virtual const Tagger& tagger() const = 0;
};

}  // namespace fintag::server
