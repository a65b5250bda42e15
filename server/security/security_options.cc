#include "server/security/security_options.h"

#include <arpa/inet.h>

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "core/text/strings.h"

namespace fintag::server {

bool IsLoopback(const std::string& host) {
  if (absl::EqualsIgnoreCase(host, "localhost")) return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::Status CheckSecurityOptions(const SecurityOptions& options) {
  const TlsFiles& tls = options.tls;
  if (tls.certificate.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key go together: give both");
  }
  if (!tls.client_ca.empty() && tls.certificate.empty()) {
    return absl::InvalidArgumentError("--tls-client-ca needs --tls-cert and --tls-key");
  }
  return absl::OkStatus();
}

absl::Status CheckExposure(const SecurityOptions& options, const std::string& flag, const std::string& host) {
  std::vector<std::string> missing;
  if (options.tls.certificate.empty()) missing.emplace_back("--tls-cert and --tls-key");
  if (options.tokens.empty() && options.tls.client_ca.empty()) missing.emplace_back("--tokens or --tls-client-ca");
  if (missing.empty() || options.insecure || IsLoopback(host)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat(flag, " ", host, " is open to other machines: give ", absl::StrJoin(missing, ", and "),
             "; or listen at localhost; or give --insecure where something else keeps strangers out (server/security/",
             "SECURITY.md)"));
}

}  // namespace fintag::server
