// What a caller may do. Each role may do all that the ones before it may: a viewer reads; a tagger also tags; a trainer
// also brings datasets and models in, takes models out and runs jobs; an admin also deletes and operates.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fintag::server {

enum class Role { kViewer, kTagger, kTrainer, kAdmin };

// "viewer", "tagger", "trainer", "admin".
std::string RoleName(Role role);
std::optional<Role> ParseRole(std::string_view name);

struct Caller {
  std::string name;
  Role role = Role::kViewer;
};

}  // namespace fintag::server
