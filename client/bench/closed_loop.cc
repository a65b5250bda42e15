#include "client/bench/closed_loop.h"

namespace fintag::bench {
namespace {

// A server that refuses at once would otherwise be flooded by callers who never wait, and so would this machine.
constexpr absl::Duration kPauseAfterError = absl::Milliseconds(100);

}  // namespace

ClosedLoop::ClosedLoop(const Bench& bench) : bench_(bench) {
  for (int32_t i = 0; i < bench.options.clients; ++i) callers_.emplace_back().number = static_cast<size_t>(i);
}

void ClosedLoop::Start() {
  {
    absl::MutexLock lock(&mutex_);
    active_ = static_cast<int32_t>(callers_.size());
  }
  for (Caller& caller : callers_) Next(caller);
}

void ClosedLoop::Cancel() {
  cancelled_ = true;
  for (Caller& caller : callers_) caller.call.Cancel();
}

bool ClosedLoop::WaitUntilDone(absl::Duration patience) {
  const auto done = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return active_ == 0; };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&done), patience);
}

void ClosedLoop::Next(Caller& caller) {
  const Clock::time_point now = Clock::now();
  if (cancelled_ || now >= bench_.window.end || bench_.recorder.full()) {
    absl::MutexLock lock(&mutex_);
    --active_;
    return;
  }
  const PreparedRequest& request = bench_.requests.Next();
  caller.call.Start(
      bench_.target.Stub(caller.number), bench_.requests.method(), request.message, bench_.options.timeout,
      [this, &caller, &request, now](const grpc::Status& status) { Answered(caller, request, now, status); });
}

void ClosedLoop::Answered(Caller& caller, const PreparedRequest& request, Clock::time_point sent,
                          const grpc::Status& status) {
  const Clock::time_point now = Clock::now();
  if (now >= bench_.window.begin && now <= bench_.window.end) {
    bench_.recorder.Add(sent, now, status.error_code(), request.text_bytes);
  }
  if (status.ok() || cancelled_) {
    Next(caller);
    return;
  }
  // A new alarm each time, for the old one's callback may be just returning.
  caller.pause.emplace().Set(absl::ToChronoTime(absl::Now() + kPauseAfterError),
                             [this, &caller](bool) { Next(caller); });
}

}  // namespace fintag::bench
