// A closed loop: a fixed number of callers, each of which sends its next request when its last is answered. It finds
// the throughput of a server under that many callers; a stall shows in few latencies, for the callers wait it out.
//
// A request counts if it is answered within the window, so that throughput and latencies are those of full load: what
// was under way at the beginning counts, what still is at the end is waited for and does not.
#pragma once

#include <grpcpp/alarm.h>

#include <atomic>
#include <deque>
#include <optional>

#include "client/bench/call.h"
#include "client/bench/load.h"

namespace fintag::bench {

class ClosedLoop final : public Load {
 public:
  explicit ClosedLoop(const Bench& bench);

  void Start() override;
  void Cancel() override;
  bool WaitUntilDone(absl::Duration patience) override;

 private:
  struct Caller {
    size_t number = 0;
    Call call;
    std::optional<grpc::Alarm> pause;
  };

  // Sends the caller's next request, or retires it.
  void Next(Caller& caller);
  void Answered(Caller& caller, const PreparedRequest& request, Clock::time_point sent, const grpc::Status& status);

  const Bench bench_;
  std::deque<Caller> callers_;
  std::atomic<bool> cancelled_ = false;
  absl::Mutex mutex_;
  int32_t active_ ABSL_GUARDED_BY(mutex_) = 0;  // callers that have not retired
};

}  // namespace fintag::bench
