// From what a load recorded to the report of its run.
#pragma once

#include <optional>

#include "client/bench/load.h"
#include "client/bench/report.h"

namespace fintag::bench {

// Of a load that is done; `interrupted` is when it was cancelled, if it was.
Report MakeReport(const Bench& bench, const Sending& sending, std::optional<Clock::time_point> interrupted);

}  // namespace fintag::bench
