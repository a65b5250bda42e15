#include "server/serving/tag_scheduler.h"

#include <deque>
#include <exception>
#include <new>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/cleanup/cleanup.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// One call of Run. It lives on the caller's stack: Run does not return while the queue or a batch refers to it.
struct Request {
  std::vector<WindowRef> windows;
  size_t taken = 0;  // windows handed to a batch so far
  size_t done = 0;   // windows that came back
  std::chrono::system_clock::time_point deadline;
  const std::function<bool()>* cancelled = nullptr;
  Clock::time_point arrived;
  bool in_batch = false;
  bool finished = false;
  absl::Status status;
  absl::Notification told;  // that it is finished; not by the caller itself

  int64_t WaitingTokens() const {
    int64_t tokens = 0;
    for (size_t i = taken; i < windows.size(); ++i) tokens += windows[i].tokens();
    return tokens;
  }
};

struct Batch {
  std::vector<WindowRef> windows;
  std::vector<Request*> owners;  // of each window
  int64_t tokens = 0;

  // A request's windows stand side by side.
  bool BeginsRequest(size_t window) const { return window == 0 || owners[window] != owners[window - 1]; }
};

class Scheduler final : public TagScheduler {
 public:
  Scheduler(std::shared_ptr<const Tagger> tagger, const TagSchedulerOptions& options, TagObservers observers)
      : tagger_(std::move(tagger)), options_(options), observers_(std::move(observers)), thread_([this] { Work(); }) {}

  ~Scheduler() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    thread_.join();
    // Callers whose requests are done may still be on their way out of Run.
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Scheduler::IsLeft));
  }

  absl::Status CheckRoom(int64_t least_tokens) const override {
    // Larger than the queue: Run says so once the tokens are counted.
    if (least_tokens > options_.max_queue_tokens) return absl::OkStatus();
    absl::MutexLock lock(&mutex_);
    return RoomFor(least_tokens, "at least ");
  }

  absl::Status Run(std::vector<EncodedSentence>& sentences, std::chrono::system_clock::time_point deadline,
                   const std::function<bool()>& cancelled, const std::string& trace_id) override {
    Request request;
    for (EncodedSentence& sentence : sentences) {
      for (size_t i = 0; i < sentence.windows.size(); ++i) {
        request.windows.push_back({&sentence, static_cast<int32_t>(i)});
      }
    }
    if (request.windows.empty()) return absl::OkStatus();
    request.deadline = deadline;
    request.cancelled = &cancelled;
    request.arrived = Clock::now();
    const int64_t tokens = request.WaitingTokens();
    if (tokens > options_.max_queue_tokens) {
      return absl::InvalidArgumentError(StrCat("the request has ", tokens, " tokens, the queue holds ",
                                               options_.max_queue_tokens, ": send fewer or shorter texts at a time"));
    }

    {
      absl::MutexLock lock(&mutex_);
      if (absl::Status status = Enter(request, tokens); !status.ok()) return status;
    }
    const absl::Cleanup leaving = [this] {
      absl::MutexLock lock(&mutex_);
      --callers_;
    };
    if (!request.told.WaitForNotificationWithDeadline(absl::FromChrono(request.deadline))) Leave(request);
    if (!request.status.ok() && observers_.on_drop) {
      observers_.on_drop({trace_id, request.status, tokens, Seconds(Clock::now() - request.arrived)});
    }
    return request.status;
  }

  int64_t queue_tokens() const override {
    absl::MutexLock lock(&mutex_);
    return queue_tokens_;
  }

  const Tagger& tagger() const override { return *tagger_; }

 private:
  absl::Status RoomFor(int64_t tokens, const char* exactness) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (queue_tokens_ + tokens <= options_.max_queue_tokens) return absl::OkStatus();
    return absl::ResourceExhaustedError(StrCat("the model's queue is full: ", queue_tokens_, " of ",
                                               options_.max_queue_tokens, " tokens wait, the request has ", exactness,
                                               tokens));
  }

  absl::Status Enter(Request& request, int64_t tokens) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (stopping_) return absl::UnavailableError("the model is being unloaded: try again");
    if (absl::Status full = RoomFor(tokens, ""); !full.ok()) return full;
    ++callers_;
    queue_.push_back(&request);
    queue_tokens_ += tokens;
    return absl::OkStatus();
  }

  // A request whose time is up leaves the queue by itself, unless a batch holds it: the batch is then waited for.
  void Leave(Request& request) {
    {
      absl::MutexLock lock(&mutex_);
      if (!request.in_batch && !request.finished) {
        Drop(request, TooLate());
        return;
      }
    }
    request.told.WaitForNotification();
  }

  bool IsLeft() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return callers_ == 0; }
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); }

  // Takes what is left of `request` out of the queue and ends it.
  void Drop(Request& request, absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    queue_tokens_ -= request.WaitingTokens();
    std::erase(queue_, &request);
    request.status = std::move(status);
    request.finished = true;
  }

  static absl::Status TooLate() {
    return absl::DeadlineExceededError("the deadline passed while the request waited for the model");
  }

  // Why no work is to be done for it.
  static absl::Status GivenUp(const Request& request) {
    if (request.deadline <= std::chrono::system_clock::now()) return TooLate();
    return (*request.cancelled)() ? absl::CancelledError("the caller cancelled the request") : absl::OkStatus();
  }

  // Fills a batch from the head of the queue. A request that does not fit whole goes on behind the others, so that one
  // long document never holds up many short ones.
  Batch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Batch batch;
    while (!queue_.empty()) {
      Request& request = *queue_.front();
      const size_t before = request.taken;
      while (request.taken < request.windows.size()) {
        const int64_t tokens = request.windows[request.taken].tokens();
        if (!batch.windows.empty() && batch.tokens + tokens > options_.max_batch_tokens) break;
        batch.windows.push_back(request.windows[request.taken++]);
        batch.owners.push_back(&request);
        batch.tokens += tokens;
      }
      if (request.taken > before) request.in_batch = true;
      if (request.taken < request.windows.size()) {
        if (request.taken > before) {
          queue_.pop_front();
          queue_.push_back(&request);
        }
        break;
      }
      queue_.pop_front();
    }
    queue_tokens_ -= batch.tokens;
    return batch;
  }

  // Takes those out of the batch who no longer want an answer, and returns them. Without the lock but for these: to ask
  // gRPC takes longer than all else between two batches.
  std::vector<Request*> DropGivenUp(Batch& batch) {
    Batch wanted;
    std::vector<Request*> dropped;
    absl::Status given_up;
    for (size_t i = 0; i < batch.windows.size(); ++i) {
      Request* owner = batch.owners[i];
      if (batch.BeginsRequest(i)) {
        given_up = GivenUp(*owner);
        if (!given_up.ok()) {
          absl::MutexLock lock(&mutex_);
          owner->in_batch = false;
          Drop(*owner, given_up);
          dropped.push_back(owner);
        }
      }
      if (!given_up.ok()) continue;
      wanted.windows.push_back(batch.windows[i]);
      wanted.owners.push_back(owner);
      wanted.tokens += batch.windows[i].tokens();
    }
    batch = std::move(wanted);
    return dropped;
  }

  // As far as it is known before it runs.
  static BatchReport ReportOf(const Batch& batch) {
    BatchReport report;
    report.tokens = batch.tokens;
    report.windows = static_cast<int64_t>(batch.windows.size());
    const auto now = Clock::now();
    for (size_t i = 0; i < batch.owners.size(); ++i) {
      const Request& owner = *batch.owners[i];
      if (owner.done == 0 && batch.BeginsRequest(i)) report.queue_seconds.push_back(Seconds(now - owner.arrived));
    }
    return report;
  }

  // Returns the requests that are finished by it.
  std::vector<Request*> FinishBatch(const std::vector<Request*>& owners, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (Request* request : owners) {
      ++request->done;
      request->in_batch = false;
    }
    std::vector<Request*> finished;
    for (Request* request : owners) {
      if (request->finished) continue;
      if (!status.ok()) {
        Drop(*request, status);
      } else if (request->done == request->windows.size()) {
        request->finished = true;
      }
      if (request->finished) finished.push_back(request);
    }
    return finished;
  }

  // Without the lock: else each would wake to wait for it. None is there any more afterwards.
  static void Tell(const std::vector<Request*>& finished) {
    for (Request* request : finished) request->told.Notify();
  }

  // A fault in the model costs its batch, never the server.
  absl::Status Forward(const std::vector<WindowRef>& batch) const {
    try {
      return tagger_->Forward(batch);
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError("not enough memory to run the model");
    } catch (const std::exception& error) {
      return absl::InternalError(StrCat("the model failed: ", error.what()));
    }
  }

  void Work() {
    Batch batch;
    absl::Status status;
    while (true) {
      std::vector<Request*> finished;
      {
        absl::MutexLock lock(&mutex_);
        finished = FinishBatch(batch.owners, status);
        if (finished.empty()) {
          mutex_.Await(absl::Condition(this, &Scheduler::HasWork));
          if (queue_.empty()) return;
        }
        // Before anyone is told: callers who come back at once would be in this batch, or not, by chance.
        batch = TakeBatch();
      }
      Tell(finished);
      Tell(DropGivenUp(batch));
      if (batch.windows.empty()) continue;
      BatchReport report = ReportOf(batch);
      const auto start = Clock::now();
      status = Forward(batch.windows);
      report.seconds = Seconds(Clock::now() - start);
      // Told before the callers wake, so that whoever has an answer finds it in the metrics.
      if (observers_.on_batch) observers_.on_batch(report);
    }
  }

  const std::shared_ptr<const Tagger> tagger_;
  const TagSchedulerOptions options_;
  const TagObservers observers_;
  mutable absl::Mutex mutex_;
  std::deque<Request*> queue_ ABSL_GUARDED_BY(mutex_);
  int64_t queue_tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t callers_ ABSL_GUARDED_BY(mutex_) = 0;  // in Run
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace

std::unique_ptr<TagScheduler> TagScheduler::Start(std::shared_ptr<const Tagger> tagger,
                                                  const TagSchedulerOptions& options, TagObservers observers) {
  return std::make_unique<Scheduler>(std::move(tagger), options, std::move(observers));
}

}  // namespace fintag::server
