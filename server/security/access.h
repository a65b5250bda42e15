// Who is calling, by the token that came along.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "server/security/reloaded.h"
#include "server/security/role.h"
#include "server/security/tokens.h"

namespace fintag::server {

class Access {
 public:
  // nullptr: no token is asked for, and whoever reaches the port may do everything, under the name "anyone".
  explicit Access(const Reloaded<Tokens>* tokens) : tokens_(tokens) {}

  bool asks_for_tokens() const { return tokens_ != nullptr; }

  // `authorization` is the header of that name, "Bearer TOKEN"; empty where there was none. UNAUTHENTICATED, without a
  // hint why, unless the token is known.
  absl::StatusOr<Caller> Identify(std::string_view authorization) const;

 private:
  const Reloaded<Tokens>* const tokens_;
};

}  // namespace fintag::server
