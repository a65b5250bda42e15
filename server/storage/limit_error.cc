#include "server/storage/limit_error.h"

#include "absl/strings/cord.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr char kLimitUrl[] = "fintag.server/limit";

}  // namespace

absl::Status LimitError(std::string_view limit, std::string_view message) {
  absl::Status status = absl::ResourceExhaustedError(AbslView(message));
  status.SetPayload(kLimitUrl, absl::Cord(AbslView(limit)));
  return status;
}

std::string LimitOf(const absl::Status& status) {
  const auto limit = status.GetPayload(kLimitUrl);
  return limit.has_value() ? std::string(*limit) : "";
}

}  // namespace fintag::server
