#include "server/api/caller_limits.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "core/text/strings.h"
#include "server/api/status_conversion.h"

namespace fintag::server {

absl::Status CallerLimits::Take(const std::string& caller, absl::Time now) {
  Use& use = uses_[caller];
  if (options_.calls > 0 && use.calls >= options_.calls) {
    return WithInfo(absl::ResourceExhaustedError(StrCat(caller, " has ", options_.calls,
                                                        " calls under way already, the most that one caller may have: "
                                                        "try again when one of them has ended")),
                    {{"limit", "max-caller-calls"}});
  }
  const double rate = options_.requests_per_second;
  if (rate > 0) {
    const double most = std::max(1.0, rate);
    const double since = absl::ToDoubleSeconds(now - use.at);
    use.requests = std::isfinite(since) ? std::min(most, use.requests + std::max(0.0, since) * rate) : most;
    use.at = now;
    if (use.requests < 1) {
      const absl::Duration wait = absl::Seconds((1 - use.requests) / rate);
      return WithRetry(
          WithInfo(absl::ResourceExhaustedError(absl::StrFormat(
                       "%s has made %g requests a second, the most that one caller may make: try again in %.3f s",
                       caller, rate, absl::ToDoubleSeconds(wait))),
                   {{"limit", "max-caller-rate"}}),
          wait);
    }
    use.requests -= 1;
  }
  ++use.calls;
  return absl::OkStatus();
}

CallerLimits::Place::Place(CallerLimits& limits, const std::string& caller, absl::Time now)
    : limits_(limits), caller_(caller) {
  absl::MutexLock lock(&limits_.mutex_);
  status_ = limits_.Take(caller_, now);
}

CallerLimits::Place::~Place() {
  if (!status_.ok()) return;
  absl::MutexLock lock(&limits_.mutex_);
  --limits_.uses_[caller_].calls;
}

}  // namespace fintag::server
