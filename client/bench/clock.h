// The clock that latencies are measured by.
#pragma once

#include <chrono>

#include "absl/time/time.h"

namespace fintag::bench {

using Clock = std::chrono::steady_clock;

inline Clock::duration ToClock(absl::Duration duration) {
  return std::chrono::duration_cast<Clock::duration>(absl::ToChronoNanoseconds(duration));
}
inline double SecondsBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace fintag::bench
