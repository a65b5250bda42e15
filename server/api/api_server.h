// The gRPC server: the services on one port, with gRPC's health.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/api/listener.h"
#include "server/security/reloaded.h"
#include "server/security/server_tls.h"

namespace fintag::server {

struct ApiServerOptions {
  std::string listen = "localhost:50051";  // HOST:PORT; port 0: any free one
  int32_t max_message_bytes = 16 * 1024 * 1024;
  // Calls under way, watches included. gRPC refuses those beyond without details, so the services' own limits are
  // lower.
  int32_t max_threads = 1024;
};

class ApiServer {
 public:
  // UNAVAILABLE if the address cannot be had. `tls` (nullptr: plain text) and `services` outlive the server; each
  // service is healthy by its full name, and the server by the empty one. `on_refusal` is told when connections cannot
  // be taken (listener.h).
  static absl::StatusOr<std::unique_ptr<ApiServer>> Start(const ApiServerOptions& options,
                                                          const Reloaded<ServerTls>* tls,
                                                          const std::vector<grpc::Service*>& services,
                                                          Listener::Observer on_refusal);
  ~ApiServer();

  int port() const { return listener_->port(); }
  // For calls from within this process, checked, counted and limited as any other.
  std::shared_ptr<grpc::Channel> InProcessChannel();
  // Health says NOT_SERVING, new calls are refused, those under way have until `grace` to end.
  void Stop(std::chrono::seconds grace);

 private:
  ApiServer() = default;
  std::shared_ptr<grpc::ServerCredentials> credentials_;  // asked at every handshake
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace fintag::server
