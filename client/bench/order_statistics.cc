#include "client/bench/order_statistics.h"

#include <algorithm>
#include <numeric>

namespace fintag::bench {

double Percentile(const std::vector<double>& sorted, int64_t per_mille) {
  // In whole numbers: 0.999 * 1000 is a little more than 999 in floating point.
  const int64_t rank = (static_cast<int64_t>(sorted.size()) * per_mille + 999) / 1000;
  return sorted[static_cast<size_t>(std::max<int64_t>(rank, 1) - 1)];
}

std::optional<OrderStatistics> StatisticsOf(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  OrderStatistics statistics;
  statistics.min = values.front();
  statistics.mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  statistics.p50 = Percentile(values, 500);
  statistics.p90 = Percentile(values, 900);
  statistics.p95 = Percentile(values, 950);
  statistics.p99 = Percentile(values, 990);
  statistics.p99_9 = Percentile(values, 999);
  statistics.max = values.back();
  return statistics;
}

}  // namespace fintag::bench
