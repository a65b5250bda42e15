// Which role each method needs, and whether it changes state: the one table of it.
#pragma once

#include <optional>
#include <string_view>

#include "server/security/role.h"

namespace fintag::server {

// A method that changes state is written down in the audit log, and refused where that cannot be done. What it changes
// may be in the store, on disk or in memory; a log, a counter or a cache is no state.
enum class Effect { kReads = 1, kChanges };

struct MethodRole {
  std::string_view method;   // "fintag.v1.TaggingService/Tag"
  std::optional<Role> role;  // none: whoever reaches the port, without a token
  Effect effect;
};

// nullptr for a method without an entry, which nobody may call.
const MethodRole* FindMethodRole(std::string_view method);

bool ChangesState(std::string_view method);

}  // namespace fintag::server
