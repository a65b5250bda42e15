// Who makes a call, and whether he may: asked once for every call, before anything else is done for it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/status/status.h"
#include "server/security/access.h"

namespace fintag::server {

struct Admission {
  std::string caller;  // for the log: the token's name, or else that of the client's certificate; empty: not known
  // UNAUTHENTICATED without a valid token; PERMISSION_DENIED where the caller's role is too low, with the roles in its
  // ErrorInfo, or where the method has none in the table.
  absl::Status status;
};

Admission Admit(const Access& access, const grpc::ServerContextBase& context, const std::string& method);

}  // namespace fintag::server
