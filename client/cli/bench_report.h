// The report of `fintag bench`, for a person and for scripts.
#pragma once

#include <string>

#include "client/bench/options.h"
#include "client/bench/report.h"
#include "client/cli/message_json.h"
#include "client/cli/terminal.h"

namespace fintag::client {

// The same keys for every run: "clients" is null in an open loop; "rate", "sent", "sent_per_second", "not_sent" and
// "largest_send_delay_ms" are null in a closed one, and latencies where no request succeeded.
Json BenchJson(const bench::Options& options, const bench::Report& report);

std::string BenchText(const bench::Options& options, const bench::Report& report, const Terminal& terminal);

}  // namespace fintag::client
