#include "server/api/caller_limits.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "core/text/strings.h"
#include "server/api/status_conversion.h"
#include "server/storage/limit_error.h"

namespace fintag::server {

void CallerLimits::Allowance::Grow(double per_second, double most, Clock::time_point now) {
  left = at ? std::min(most, left + std::chrono::duration<double>(now - *at).count() * per_second) : most;
  at = now;
}

absl::Status CallerLimits::Take(const std::string& caller, Clock::time_point now) {
  Use& use = uses_[caller];
  if (options_.calls > 0 && use.calls >= options_.calls) {
    // No LimitError: a moment's wait, which every refusal proposes, is enough.
    return WithInfo(absl::ResourceExhaustedError(StrCat(caller, " has ", options_.calls,
                                                        " calls under way already, the most that one caller may have: "
                                                        "try again when one of them has ended")),
                    {{"limit", "max-caller-calls"}});
  }
  const double rate = options_.requests_per_second;
  if (rate > 0) {
    use.requests.Grow(rate, std::max(1.0, rate), now);
    if (use.requests.left < 1) {
      const absl::Duration wait = absl::Seconds((1 - use.requests.left) / rate);
      return WithRetry(
          LimitError("max-caller-rate",
                     absl::StrFormat(
                         "%s has made %g requests a second, the most that one caller may make: try again in %.3f s",
                         caller, rate, absl::ToDoubleSeconds(wait))),
          wait);
    }
    use.requests.left -= 1;
  }
  ++use.calls;
  return absl::OkStatus();
}

absl::Status CallerLimits::TakeTokens(const std::string& caller, int64_t tokens, Clock::time_point now) {
  constexpr char kLimit[] = "max-caller-tokens-per-minute";
  const auto most = static_cast<double>(options_.tokens_per_minute);
  const auto wanted = static_cast<double>(tokens);
  if (most == 0) return absl::OkStatus();
  if (wanted > most) {
    return LimitError(kLimit,
                      StrCat("the request has ", tokens, " tokens, more than the ", options_.tokens_per_minute,
                             " that one caller may have tagged a minute: send fewer or shorter texts at a time"));
  }
  absl::MutexLock lock(&mutex_);
  Allowance& left = uses_[caller].tokens;
  left.Grow(most / 60, most, now);
  if (left.left < wanted) {
    const absl::Duration wait = absl::Seconds((wanted - left.left) / most * 60);
    return WithRetry(
        LimitError(kLimit,
                   absl::StrFormat("%s has had %d tokens tagged a minute, the most that one caller may have: try "
                                   "again in %.3f s",
                                   caller, options_.tokens_per_minute, absl::ToDoubleSeconds(wait))),
        wait);
  }
  left.left -= wanted;
  return absl::OkStatus();
}

CallerLimits::Place::Place(CallerLimits& limits, const std::string& caller, Clock::time_point now)
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
