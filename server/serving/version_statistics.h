// What a loaded model version did since it was loaded: counts and times that add up. Its sources are those of the
// metrics, the scheduler's batches and the tag requests, so both tell the same.
#pragma once

#include <cstdint>
#include <memory>

#include "server/serving/tag_scheduler.h"

namespace fintag::server {

// How often something happened, and how long it took in all.
struct DurationSum {
  int64_t count = 0;
  double seconds = 0;

  void Add(double duration) {
    ++count;
    seconds += duration;
  }
};

struct VersionFigures {
  int64_t last_answer_ms = 0;  // milliseconds since 1970; 0: none yet
  int64_t texts = 0;           // tagged
  DurationSum success;         // requests, from their arrival to the answer
  DurationSum failure;
  DurationSum queue;    // requests that reached the model: how long they waited for it
  DurationSum encode;   // requests: texts to tokens
  DurationSum forward;  // passes through the model
  DurationSum decode;   // requests: scores to entities
};

// The stages of one answered request, in seconds.
struct AnswerTimes {
  double total = 0;
  double encode = 0;
  double decode = 0;
};

// Safe to use from many threads.
class VersionStatistics {
 public:
  static std::unique_ptr<VersionStatistics> Create();
  virtual ~VersionStatistics() = default;

  virtual void OnBatch(const BatchReport& report) = 0;
  virtual void OnAnswer(int64_t texts, const AnswerTimes& times) = 0;
  virtual void OnFailure(double seconds) = 0;
  virtual VersionFigures figures() const = 0;
};

}  // namespace fintag::server
