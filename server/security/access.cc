#include "server/security/access.h"

#include "absl/strings/match.h"
#include "core/text/strings.h"

namespace fintag::server {

absl::StatusOr<Caller> Access::Identify(std::string_view authorization) const {
  if (tokens_ == nullptr) return Caller{"anyone", Role::kAdmin};
  constexpr std::string_view kScheme = "Bearer ";
  if (absl::StartsWithIgnoreCase(AbslView(authorization), AbslView(kScheme))) {
    const std::shared_ptr<const Tokens> tokens = tokens_->Get();
    if (const Caller* caller = tokens->Find(authorization.substr(kScheme.size())); caller != nullptr) return *caller;
  }
  return absl::UnauthenticatedError(
      "a valid token is needed: give fintag a --token-file, or send the header \"authorization: Bearer TOKEN\"");
}

}  // namespace fintag::server
