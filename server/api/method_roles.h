// Which role each method needs: the one table of it.
#pragma once

#include <optional>
#include <string_view>

#include "server/security/role.h"

namespace fintag::server {

struct MethodRole {
  std::string_view method;   // "fintag.v1.TaggingService/Tag"
  std::optional<Role> role;  // none: whoever reaches the port, without a token
};

// nullptr for a method without an entry, which nobody may call.
const MethodRole* FindMethodRole(std::string_view method);

}  // namespace fintag::server
