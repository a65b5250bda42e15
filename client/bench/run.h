// One run of the load generator, from its options to its report.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "client/bench/options.h"
#include "client/bench/report.h"

namespace fintag::bench {

enum class Phase { kConnecting, kWarmUp, kMeasuring, kLastAnswers };

struct Progress {
  Phase phase = Phase::kConnecting;
  double fraction = 0;  // of what is measured
  int64_t requests = 0;
  int64_t failed = 0;
  double requests_per_second = 0;
};
// Called some ten times a second on the thread of Run. It may be slow: the load does not wait for it.
using OnProgress = std::function<void(const Progress&)>;

// Sends one request that is not counted, so that a server that is not there, or has no such model, is an error at once
// and not many; and so that the model is loaded. Then opens the connections, warms up, measures and reports. Until
// `stop` is notified: what was measured by then is reported, and requests under way are cancelled.
//
// INVALID_ARGUMENT for wrong options (see CheckOptions) or no texts; otherwise the first request's error, unless it
// says that the server is busy; that some requests of the run fail is no error.
absl::StatusOr<Report> Run(const Options& options, std::vector<std::string> texts, const absl::Notification& stop,
                           const OnProgress& on_progress);

}  // namespace fintag::bench
