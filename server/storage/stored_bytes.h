// What one owner has in the store.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/storage/database.h"

namespace fintag::server {

// Bytes of the datasets, as they were given, and of the model versions that `owner` uploaded, imported or had trained.
absl::StatusOr<int64_t> StoredBytes(Database& database, const std::string& owner);

}  // namespace fintag::server
