#include "server/security/role.h"

namespace fintag::server {
namespace {

constexpr Role kRoles[] = {Role::kViewer, Role::kTagger, Role::kTrainer, Role::kAdmin};

}  // namespace

std::string RoleName(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kTagger:
      return "tagger";
    case Role::kTrainer:
      return "trainer";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

std::optional<Role> ParseRole(std::string_view name) {
  for (const Role role : kRoles) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

}  // namespace fintag::server
