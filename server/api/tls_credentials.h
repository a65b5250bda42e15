// TLS of the gRPC port, by what was last loaded.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "server/security/reloaded.h"
#include "server/security/server_tls.h"

namespace fintag::server {

// Each connection gets the files of its time; those that stand go on. Whether clients must show a certificate is what
// `tls` says at the start. Both must outlive the server, which does not hold them.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(const Reloaded<ServerTls>& tls);

}  // namespace fintag::server
