#include "server/api/watch_streams.h"

#include <atomic>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "server/api/messages.h"
#include "server/api/resource_name.h"
#include "server/api/status_conversion.h"

namespace fintag::server {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(200);  // at whether the server stops

}  // namespace

// All but the reactions is called by the thread.
class WatchStreams::Stream final : public grpc::ServerWriteReactor<fintag::v1::JobEvent> {
 public:
  Stream(WatchStreams& streams, grpc::CallbackServerContext& context, const fintag::v1::WatchJobRequest& request)
      : streams_(streams),
        request_(request),
        call_(streams.environment_, streams.watches_, context, CallTarget("fintag.v1.TrainingService/WatchJob")) {}

  // Sends the next event, or the end, unless something is on its way already.
  void GoOn() {
    if (over_ || writing_) return;
    const absl::Status status = Guarded([&] { return Advance(); });
    if (status.ok() && !over_) return;
    over_ = true;
    Finish(call_.End(status));
  }

  // gRPC is through with it. Nobody wakes it any more after Leave.
  bool done() const { return done_; }
  void Leave() { watch_.reset(); }

  bool awake = false;  // guarded by the streams' mutex

 private:
  absl::Status Advance() {
    if (!call_.admitted().ok()) return call_.admitted();
    if (gone_) return absl::CancelledError("the caller went away");
    if (watch_ == nullptr) {
      if (absl::Status begun = Begin(); !begun.ok()) return begun;
    }
    if (ahead_.ok() && *ahead_ == nullptr) LookAhead();
    if (!ahead_.ok()) return AboutField(ahead_.status(), "after_sequence");
    if (*ahead_ == nullptr) {
      over_ = watch_->ended();
      return over_ || !streams_.environment_.stopping ? absl::OkStatus() : Stop();
    }
    message_ = ToMessage(**ahead_);
    LookAhead();
    more_ = !ahead_.ok() || *ahead_ != nullptr || watch_->ended();
    writing_ = true;
    StartWrite(&message_);
    return absl::OkStatus();
  }

  absl::Status Begin() {
    absl::StatusOr<std::string> id = ParseName(request_.name(), "jobs", "name");
    if (!id.ok()) return id.status();
    job_ = *std::move(id);
    if (request_.after_sequence() < 0) return BadField("after_sequence", "must be 0 or more");
    absl::StatusOr<std::unique_ptr<JobWatch>> watch =
        streams_.queue_.Watch(job_, request_.after_sequence(), [this] { OnNews(); });
    if (!watch.ok()) return watch.status();
    watch_ = *std::move(watch);
    StartSendInitialMetadata();  // at once, so that the caller knows the stream stands
    return absl::OkStatus();
  }

  void LookAhead() {
    news_ = false;
    ahead_ = watch_->Next();
  }

  // All that there is was sent. Of a job that has ended, nothing new would come at the caller's next attempt.
  absl::Status Stop() {
    const absl::StatusOr<Job> job = streams_.store_.Get(job_);
    over_ = job.ok() && IsFinal(job->state);
    return over_ ? absl::OkStatus()
                 : absl::UnavailableError("the server is stopping: watch again from the last sequence number");
  }

  // From the queue's thread. Of this and OnWriteDone, whichever comes last sees what the other one left.
  void OnNews() {
    news_ = true;
    if (!writing_) streams_.Wake(*this);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) gone_ = true;
    writing_ = false;
    if (gone_ || news_ || more_) streams_.Wake(*this);
  }
  void OnCancel() override {
    gone_ = true;
    streams_.Wake(*this);
  }
  void OnDone() override {
    done_ = true;
    streams_.Wake(*this);
  }

  WatchStreams& streams_;
  const fintag::v1::WatchJobRequest& request_;
  OpenCall call_;
  std::string job_;
  std::unique_ptr<JobWatch> watch_;
  absl::StatusOr<std::shared_ptr<const Event>> ahead_ = nullptr;  // to be sent next
  fintag::v1::JobEvent message_;                                  // on its way
  bool over_ = false;                                             // the end is on its way
  std::atomic<bool> writing_ = false;
  std::atomic<bool> more_ = false;  // to send after this
  std::atomic<bool> news_ = false;  // since the watch was last asked
  std::atomic<bool> gone_ = false;
  std::atomic<bool> done_ = false;
};

WatchStreams::WatchStreams(const CallEnvironment& environment, JobStore& store, JobQueue& queue, int32_t max_watchers)
    : environment_(environment), store_(store), queue_(queue), watches_(max_watchers, "watches") {
  thread_ = std::thread([this] { Run(); });
}

WatchStreams::~WatchStreams() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  thread_.join();
}

grpc::ServerWriteReactor<fintag::v1::JobEvent>* WatchStreams::Open(grpc::CallbackServerContext& context,
                                                                   const fintag::v1::WatchJobRequest& request) {
  auto stream = std::make_unique<Stream>(*this, context, request);
  Stream& opened = *stream;
  {
    const absl::MutexLock lock(&mutex_);
    open_.emplace(&opened, std::move(stream));
  }
  Wake(opened);
  return &opened;
}

void WatchStreams::Wake(Stream& stream) {
  const absl::MutexLock lock(&mutex_);
  if (std::exchange(stream.awake, true)) return;
  awake_.push_back(&stream);
}

void WatchStreams::Remove(Stream& stream) {
  stream.Leave();
  std::unique_ptr<Stream> removed;
  const absl::MutexLock lock(&mutex_);
  if (stream.awake) return;  // it comes again
  const auto open = open_.find(&stream);
  removed = std::move(open->second);
  open_.erase(open);
}

void WatchStreams::Run() {
  std::vector<Stream*> now;
  absl::Time look = absl::InfinitePast();
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ending_ || !awake_.empty(); };
      mutex_.AwaitWithDeadline(absl::Condition(&has_work), absl::Now() + kLook);
      if (ending_) return;
      now.swap(awake_);
      for (Stream* stream : now) stream->awake = false;
      if (environment_.stopping && absl::Now() >= look) {
        look = absl::Now() + kLook;
        now.clear();
        for (const auto& [stream, owner] : open_) now.push_back(stream);
      }
    }
    for (Stream* stream : now) {
      if (stream->done()) {
        Remove(*stream);
      } else {
        stream->GoOn();
      }
    }
    now.clear();
  }
}

}  // namespace fintag::server
