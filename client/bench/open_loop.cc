#include "client/bench/open_loop.h"

#include <algorithm>

namespace fintag::bench {

OpenLoop::OpenLoop(const Bench& bench) : bench_(bench), arrivals_(bench.options.rate.value(), bench.options.seed) {}

OpenLoop::~OpenLoop() {
  if (sender_.joinable()) sender_.join();
}

void OpenLoop::Start() {
  sender_ = std::thread([this] { SendAll(); });
}

void OpenLoop::Cancel() {
  if (cancelled_.HasBeenNotified()) return;
  cancelled_.Notify();
  absl::MutexLock lock(&mutex_);
  for (Call& call : calls_) call.Cancel();
}

bool OpenLoop::WaitUntilDone(absl::Duration patience) {
  const auto done = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return all_sent_ && free_.size() == calls_.size(); };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&done), patience);
}

Sending OpenLoop::sending() const {
  absl::MutexLock lock(&mutex_);
  return sending_;
}

void OpenLoop::SendAll() {
  int64_t left = bench_.options.requests.value_or(INT64_MAX);
  while (left > 0) {
    const Clock::time_point due = bench_.window.start + arrivals_.Next();
    if (due >= bench_.window.end) break;
    const absl::Duration wait = absl::FromChrono(due - Clock::now());
    if (cancelled_.WaitForNotificationWithTimeout(std::max(wait, absl::ZeroDuration()))) break;
    const bool counts = due >= bench_.window.begin;
    if (counts) --left;
    Send(due, counts);
  }
  absl::MutexLock lock(&mutex_);
  all_sent_ = true;
}

void OpenLoop::Send(Clock::time_point due, bool counts) {
  const Clock::time_point now = Clock::now();
  Call* call = TakeCall();
  if (counts) {
    absl::MutexLock lock(&mutex_);
    ++(call != nullptr ? sending_.sent : sending_.not_sent);
    sending_.largest_delay = std::max(sending_.largest_delay, now - due);
    sending_.last = now;
  }
  if (call == nullptr) return;
  const PreparedRequest& request = bench_.requests.Next();
  call->Start(bench_.target.Stub(next_stub_++), bench_.requests.method(), request.message, bench_.options.timeout,
              [this, call, &request, due, counts](const grpc::Status& status) {
                if (counts) bench_.recorder.Add(due, Clock::now(), status.error_code(), request.text_bytes);
                absl::MutexLock lock(&mutex_);
                free_.push_back(call);
              });
}

Call* OpenLoop::TakeCall() {
  absl::MutexLock lock(&mutex_);
  if (!free_.empty()) {
    Call* call = free_.back();
    free_.pop_back();
    return call;
  }
  if (calls_.size() >= static_cast<size_t>(bench_.options.max_outstanding)) return nullptr;
  Call& call = calls_.emplace_back();
  // One that comes after Cancel() went through them.
  if (cancelled_.HasBeenNotified()) call.Cancel();
  return &call;
}

}  // namespace fintag::bench
