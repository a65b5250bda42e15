// An open loop: requests are due at times that do not depend on the answers, as with many callers who know nothing of
// each other. A latency counts from the moment its request was due, so that a stall shows in all that fell due during
// it, even if the request itself was sent late.
//
// A request counts if it is due within the window; all of these are waited for.
#pragma once

#include <deque>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/bench/arrivals.h"
#include "client/bench/call.h"
#include "client/bench/load.h"

namespace fintag::bench {

class OpenLoop final : public Load {
 public:
  explicit OpenLoop(const Bench& bench);
  ~OpenLoop() override;

  void Start() override;
  void Cancel() override;
  bool WaitUntilDone(absl::Duration patience) override;
  Sending sending() const override;

 private:
  void SendAll();
  void Send(Clock::time_point due, bool counts);
  // A call that is free; nullptr if too many are under way.
  Call* TakeCall();

  const Bench bench_;
  PoissonArrivals arrivals_;
  size_t next_stub_ = 0;
  absl::Notification cancelled_;
  std::thread sender_;

  mutable absl::Mutex mutex_;
  bool all_sent_ ABSL_GUARDED_BY(mutex_) = false;
  Sending sending_ ABSL_GUARDED_BY(mutex_);
  std::deque<Call> calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<Call*> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace fintag::bench
