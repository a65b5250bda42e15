// What the server shows and trusts in TLS: its certificate chain and key and, in mutual TLS, the authority of its
// clients. gRPC gets them as text, the HTTP port as a context of OpenSSL's.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/security/file_watch.h"

struct ssl_ctx_st;

namespace fintag::server {

struct TlsFiles {
  std::filesystem::path certificate;  // PEM: the server's own first, then what leads to an authority
  std::filesystem::path key;          // PEM, without a passphrase
  std::filesystem::path client_ca;    // PEM; empty: clients need no certificate

  // Those there are, in this order.
  std::vector<std::filesystem::path> All() const;
};

struct ServerTls {
  std::string certificate, key, client_ca;  // PEM
  absl::Time expiry;                        // of the certificate
  // With all three. It asks clients for a certificate where there is an authority, and ends the handshake of one that
  // shows a wrong one; whether to go on without is left to who accepts the connection.
  std::shared_ptr<ssl_ctx_st> context;
};

// `contents` are those of files.All(). INVALID_ARGUMENT with the file and what is wrong with it: no PEM, a key that is
// not the certificate's, a certificate that is over or has not begun.
absl::StatusOr<ServerTls> MakeServerTls(const TlsFiles& files, const FileContents& contents);

}  // namespace fintag::server
