#include "server/api/admission.h"

#include <optional>

#include "core/text/strings.h"
#include "server/api/method_roles.h"
#include "server/api/status_conversion.h"

namespace fintag::server {
namespace {

std::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

// Empty where there is none, or more than one: which of them counts would be anybody's guess.
std::string_view Authorization(const grpc::ServerContextBase& context) {
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  return begin != end && std::next(begin) == end ? View(begin->second) : std::string_view();
}

std::string CertificateName(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr) return "";
  const std::vector<grpc::string_ref> names = peer->FindPropertyValues("x509_common_name");
  return names.empty() ? "" : std::string(View(names.front()));
}

}  // namespace

Admission Admit(const Access& access, const grpc::ServerContextBase& context, const std::string& method) {
  const MethodRole* entry = FindMethodRole(method);
  const absl::StatusOr<Caller> caller = access.Identify(Authorization(context));
  if (!caller.ok()) return {"", caller.status()};
  Admission admission{caller->name, absl::OkStatus()};
  if (!access.asks_for_tokens()) {
    if (const std::string name = CertificateName(context); !name.empty()) admission.caller = name;
  }
  if (entry == nullptr) {
    admission.status = absl::PermissionDeniedError(StrCat(method, " is open to no role yet: the server's mistake"));
  } else if (entry->role && caller->role < *entry->role) {
    const std::string has = RoleName(caller->role);
    const std::string needs = RoleName(*entry->role);
    admission.status = WithInfo(
        absl::PermissionDeniedError(StrCat(method, " needs the role ", needs, "; ", caller->name, " is a ", has)),
        {{"role", has}, {"needed_role", needs}});
  }
  return admission;
}

}  // namespace fintag::server
