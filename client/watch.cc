// WatchJob: a job's events to the end, over as many streams as it takes.
#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/utf8.h"

namespace fintag::client {
namespace {

constexpr absl::Duration kSilence = absl::Seconds(30);

}  // namespace

absl::StatusOr<fintag::v1::Job> Client::WatchJob(const std::string& job, int64_t after_sequence,
                                                 const std::function<bool(const fintag::v1::JobEvent&)>& on_event) {
  if (FindInvalidUtf8(job).has_value()) return absl::InvalidArgumentError("the job's name is not UTF-8");
  fintag::v1::WatchJobRequest request;
  request.set_name(FullName("jobs", job));
  request.set_after_sequence(after_sequence);
  // Until the server has been seen once, its absence is more likely a wrong address than a restart: GetJob finds out.
  if (absl::StatusOr<fintag::v1::Job> known = GetJob(job); !known.ok()) return known.status();
  Backoff backoff;
  absl::Time lost = absl::Now();
  for (;;) {
    absl::Status status;
    bool wanted = true;
    bool alive = false;
    {
      const absl::Time opened = absl::Now();
      ActiveCall active(*connection_);
      const auto reader = connection_->training->WatchJob(&active.context, request);
      fintag::v1::JobEvent event;
      while (wanted && reader->Read(&event)) {
        alive = true;
        if (event.sequence() <= request.after_sequence()) continue;
        request.set_after_sequence(event.sequence());
        wanted = on_event(event);
      }
      if (!wanted) active.context.TryCancel();
      status = FromGrpc(reader->Finish());
      // A job that waits for its turn is silent; an attempt to connect ends sooner.
      alive = alive || status.ok() || absl::Now() - opened > kSilence;
    }
    if (!wanted) return absl::CancelledError("no more events are wanted");
    if (alive) {
      lost = absl::Now();
      backoff = Backoff();
    }
    if (connection_->cancelled()) return absl::CancelledError("interrupted");
    if (status.ok()) {
      absl::StatusOr<fintag::v1::Job> end = GetJob(job);
      if (end.ok() && IsFinal(end->state())) return end;
      status = end.ok() ? absl::UnavailableError("the server closed the stream before the job's end") : end.status();
    }
    if (!MayRepeat(status, Repeat::kFull)) return status;
    const absl::Status wait = connection_->WaitToRetry(status, backoff, lost + options().reconnect_for);
    if (!wait.ok()) return wait;
  }
}

}  // namespace fintag::client
