// When the requests of an open loop are due.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace fintag::bench {

// A Poisson process, as of many callers who know nothing of each other: the gaps are independent and exponentially
// distributed. The same seed gives the same times.
class PoissonArrivals {
 public:
  // `rate` per second, above 0.
  PoissonArrivals(double rate, uint64_t seed) : random_(seed), gap_(rate) {}

  // The next arrival, counted from the start of the process.
  std::chrono::nanoseconds Next() {
    seconds_ += gap_(random_);
    return std::chrono::nanoseconds(static_cast<int64_t>(seconds_ * 1e9));
  }

 private:
  std::mt19937_64 random_;
  std::exponential_distribution<double> gap_;
  double seconds_ = 0;
};

}  // namespace fintag::bench
