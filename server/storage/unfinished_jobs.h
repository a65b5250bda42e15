// Who still needs a dataset or a model version: asked in the transaction that would delete it, so that no job can come
// in between.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/storage/database.h"

namespace fintag::server {

// FAILED_PRECONDITION naming `what` and the unfinished jobs that satisfy `condition` (SQL over the table jobs), the
// first ten.
absl::Status RefuseIfJobsNeed(Database& database, std::string_view what, std::string_view condition,
                              std::vector<Value> parameters);

}  // namespace fintag::server
