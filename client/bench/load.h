// What closed and open loops have in common for those who run them.
#pragma once

#include "absl/time/time.h"
#include "client/bench/clock.h"
#include "client/bench/recorder.h"
#include "client/bench/request_set.h"
#include "client/bench/target.h"

namespace fintag::bench {

// When a run counts.
struct Window {
  Clock::time_point start;  // of the warm-up
  Clock::time_point begin;  // of what is measured
  Clock::time_point end;    // the end of time where requests are counted instead
};

// What a load works with; all of it must outlive the load.
struct Bench {
  const Options& options;
  const Window window;
  Target& target;
  RequestSet& requests;
  Recorder& recorder;
};

// What an open loop did besides.
struct Sending {
  int64_t sent = 0;      // of those that count
  int64_t not_sent = 0;  // of those that count: too many were unanswered
  // The longest time between the moment a request was due and the moment it was handed to gRPC.
  Clock::duration largest_delay{0};
  Clock::time_point last;  // the last one's moment; the epoch if there was none
};

class Load {
 public:
  // Only once it is done.
  virtual ~Load() = default;

  // Sends from now until the window's end or until the recorder is full.
  virtual void Start() = 0;
  // Sends no more and cancels what is under way. From the thread that called Start.
  virtual void Cancel() = 0;
  // Waits until all that was sent is answered and nothing is left to send; false if that takes longer than `patience`.
  virtual bool WaitUntilDone(absl::Duration patience) = 0;
  // Once it is done.
  virtual Sending sending() const { return {}; }
};

}  // namespace fintag::bench
