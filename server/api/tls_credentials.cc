#include "server/api/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace fintag::server {
namespace {

// gRPC's C++ credentials that reload are those of FileWatcherCertificateProvider, which reads the files itself, so that
// nothing can be checked first. Its C credentials ask for a pair at every handshake instead, and keep theirs where
// there is no new one.
class ReloadedCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadedCredentials(const Reloaded<ServerTls>& tls) : tls_(tls), mutual_(!tls.Get()->client_ca.empty()) {}

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    grpc_ssl_server_credentials_options* options = grpc_ssl_server_credentials_create_options_using_config_fetcher(
        mutual_ ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
        &ReloadedCredentials::Fetch, this);
    grpc_server_credentials* credentials = grpc_ssl_server_credentials_create_with_options(options);
    const int port = grpc_server_add_http2_port(server, address.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return port;
  }

  // Called by gRPC before each handshake.
  static grpc_ssl_certificate_config_reload_status Fetch(void* self, grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<ReloadedCredentials*>(self);
    absl::MutexLock lock(&credentials.mutex_);
    std::shared_ptr<const ServerTls> now = credentials.tls_.Get();
    if (now == credentials.given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = {now->key.c_str(), now->certificate.c_str()};
    // gRPC 1.51 ends the process where there is no authority, even if no client is asked for a certificate.
    const std::string& authority = now->client_ca.empty() ? now->certificate : now->client_ca;
    *config = grpc_ssl_server_certificate_config_create(authority.c_str(), &pair, 1);
    credentials.given_ = std::move(now);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const Reloaded<ServerTls>& tls_;
  const bool mutual_;
  absl::Mutex mutex_;
  std::shared_ptr<const ServerTls> given_ ABSL_GUARDED_BY(mutex_);  // what gRPC has
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(const Reloaded<ServerTls>& tls) {
  return std::make_shared<ReloadedCredentials>(tls);
}

}  // namespace fintag::server
