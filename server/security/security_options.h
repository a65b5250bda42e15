// What fintagd is told about who may reach it, and the rule that it listens to other machines only where it is safe.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "server/security/server_tls.h"

namespace fintag::server {

struct SecurityOptions {
  TlsFiles tls;                  // no certificate: plain text
  std::filesystem::path tokens;  // empty: no token is asked for
  bool insecure = false;         // listen beyond loopback in spite of that
};

// "localhost", 127.0.0.0/8 and ::1. Names that only a resolver could tell are not loopback.
bool IsLoopback(const std::string& host);

// INVALID_ARGUMENT that says what to give: files of TLS that go together, and for `host`, which `flag` says to listen
// at, encryption and callers that are known, unless it is loopback or options.insecure.
absl::Status CheckSecurityOptions(const SecurityOptions& options);
absl::Status CheckExposure(const SecurityOptions& options, const std::string& flag, const std::string& host);

}  // namespace fintag::server
