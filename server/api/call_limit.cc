#include "server/api/call_limit.h"

#include "core/text/strings.h"

namespace fintag::server {

absl::Status CallLimit::Place::status() const {
  if (number_ <= limit_.most_) return absl::OkStatus();
  return absl::ResourceExhaustedError(StrCat("the server has its ", limit_.most_, " ", limit_.calls_, " already"));
}

}  // namespace fintag::server
