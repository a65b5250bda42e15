#include "client/bench/run.h"

#include <algorithm>

#include "client/bench/closed_loop.h"
#include "client/bench/make_report.h"
#include "client/bench/open_loop.h"
#include "client/connection.h"

namespace fintag::bench {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);

// These pass: the run shows how often.
bool SaysBusy(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status) || absl::IsAborted(status) ||
         (absl::IsUnavailable(status) && !client::IsConnectionTrouble(status));
}

absl::Status FirstRequest(const Options& options, Target& target, RequestSet& requests,
                          const absl::Notification& stop) {
  absl::Notification answered;
  absl::Status outcome;
  Call call;
  call.Start(target.Stub(0), requests.method(), requests.Next().message, options.timeout,
             [&answered, &outcome](const grpc::Status& status) {
               outcome = client::FromGrpc(status);
               answered.Notify();
             });
  while (!answered.WaitForNotificationWithTimeout(kTick)) {
    if (stop.HasBeenNotified()) call.Cancel();
  }
  return SaysBusy(outcome) ? absl::OkStatus() : outcome;
}

Window WindowFromNow(const Options& options) {
  Window window;
  window.start = Clock::now();
  window.begin = window.start + ToClock(options.warm_up);
  window.end = options.requests.has_value() ? Clock::time_point::max() : window.begin + ToClock(options.duration);
  return window;
}

Progress ProgressAt(Clock::time_point now, const Options& options, const Window& window, const Recorder& recorder) {
  Progress progress;
  if (now < window.begin) {
    progress.phase = Phase::kWarmUp;
    return progress;
  }
  progress.phase = now < window.end ? Phase::kMeasuring : Phase::kLastAnswers;
  const int64_t answered = recorder.answered();
  progress.failed = recorder.failed();
  progress.requests = answered - progress.failed;
  const double seconds = SecondsBetween(window.begin, options.rate.has_value() ? now : std::min(now, window.end));
  progress.fraction = options.requests.has_value()
                          ? static_cast<double>(answered) / static_cast<double>(*options.requests)
                          : seconds / absl::ToDoubleSeconds(options.duration);
  progress.requests_per_second = seconds > 0 ? static_cast<double>(progress.requests) / seconds : 0;
  return progress;
}

// Runs `load` to its end; the moment at which it was interrupted, if it was.
std::optional<Clock::time_point> Drive(Load& load, const Bench& bench, const absl::Notification& stop,
                                       const OnProgress& on_progress) {
  std::optional<Clock::time_point> interrupted;
  load.Start();
  while (!load.WaitUntilDone(kTick)) {
    if (stop.HasBeenNotified()) {
      if (!interrupted.has_value()) {
        bench.recorder.Close();
        interrupted = Clock::now();
        load.Cancel();
      }
    } else {
      on_progress(ProgressAt(Clock::now(), bench.options, bench.window, bench.recorder));
    }
  }
  return interrupted;
}

std::unique_ptr<Load> MakeLoad(const Bench& bench) {
  if (bench.options.rate.has_value()) return std::make_unique<OpenLoop>(bench);
  return std::make_unique<ClosedLoop>(bench);
}

}  // namespace

absl::StatusOr<Report> Run(const Options& options, std::vector<std::string> texts, const absl::Notification& stop,
                           const OnProgress& on_progress) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  absl::StatusOr<Target> opened = Target::Open(options);
  if (!opened.ok()) return opened.status();
  if (texts.empty()) return absl::InvalidArgumentError("there are no texts");

  RequestSet requests(options, std::move(texts));
  Target& target = *opened;
  on_progress(Progress());
  absl::Status ready = FirstRequest(options, target, requests, stop);
  if (ready.ok()) ready = target.Connect(options.timeout, [&stop] { return stop.HasBeenNotified(); });
  if (stop.HasBeenNotified()) {
    Report nothing;
    nothing.interrupted = true;
    if (options.rate.has_value()) nothing.sending.emplace();
    return nothing;
  }
  if (!ready.ok()) return ready;

  Recorder recorder(options.requests.value_or(INT64_MAX));
  const Bench bench{options, WindowFromNow(options), target, requests, recorder};
  const std::unique_ptr<Load> load = MakeLoad(bench);
  const std::optional<Clock::time_point> interrupted = Drive(*load, bench, stop, on_progress);
  return MakeReport(bench, load->sending(), interrupted);
}

}  // namespace fintag::bench
