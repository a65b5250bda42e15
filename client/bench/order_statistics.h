// What a run's latencies come to: exact, of every one, without buckets.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace fintag::bench {

// In the unit of the values.
struct OrderStatistics {
  double min = 0;
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p95 = 0;
  double p99 = 0;
  double p99_9 = 0;
  double max = 0;
};

// The nearest-rank percentile: the smallest of the values that at least `per_mille` thousandths of them do not exceed.
// `sorted` ascends and is not empty.
double Percentile(const std::vector<double>& sorted, int64_t per_mille);

// nullopt without values.
std::optional<OrderStatistics> StatisticsOf(std::vector<double> values);

}  // namespace fintag::bench
