// What a run of the load generator found.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "client/bench/order_statistics.h"

namespace fintag::bench {

// An open loop's own figures.
struct SendingReport {
  int64_t sent = 0;
  int64_t not_sent = 0;  // their time came while options.max_outstanding were unanswered
  double sent_per_second = 0;
  // How far sending fell behind the moment a request was due: this machine's part in the latencies.
  double largest_delay_ms = 0;
};

struct Report {
  // What was measured: the duration (an open loop's goes on until its last answer), where requests are counted until
  // the last one, or until the interruption.
  double seconds = 0;
  // Requests that succeeded, with their texts and the texts' bytes.
  int64_t requests = 0;
  int64_t texts = 0;
  int64_t bytes = 0;
  // Requests that failed, by code.
  std::map<std::string, int64_t> errors;
  double requests_per_second = 0;
  double texts_per_second = 0;
  double bytes_per_second = 0;
  std::optional<OrderStatistics> latency_ms;        // of those that succeeded; nullopt if none did
  std::optional<OrderStatistics> error_latency_ms;  // of those that failed
  std::optional<SendingReport> sending;             // of an open loop
  bool interrupted = false;
};

}  // namespace fintag::bench
