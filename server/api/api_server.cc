#include "server/api/api_server.h"

#include <google/protobuf/message.h>
#include <grpc/health/v1/health.pb.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include "core/text/strings.h"
#include "server/api/service_names.h"
#include "server/api/tls_credentials.h"

namespace fintag::server {

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(const ApiServerOptions& options,
                                                            const Reloaded<ServerTls>* tls,
                                                            const std::vector<grpc::Service*>& services) {
  grpc::EnableDefaultHealthCheckService(true);
  // gRPC's health service knows its messages by hand; reflection tells of it only where their descriptors are linked.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
  std::unique_ptr<ApiServer> api(new ApiServer());
  grpc::ServerBuilder builder;
  api->credentials_ = tls == nullptr ? grpc::InsecureServerCredentials() : TlsServerCredentials(*tls);
  builder.AddListeningPort(options.listen, api->credentials_, &api->port_);
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(-1);
  builder.SetResourceQuota(grpc::ResourceQuota("calls").SetMaxThreads(options.max_threads));
  // Two servers on one port would share its calls between them.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Finds out about clients that vanished, whose watches would keep their places; a quiet watch is pinged for ever.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Clients may ping to keep a quiet watch open.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  for (grpc::Service* service : services) builder.RegisterService(service);
  api->server_ = builder.BuildAndStart();
  if (api->server_ == nullptr || api->port_ == 0) {
    return absl::UnavailableError(
        StrCat("cannot listen at ", options.listen, ": another program may have the port (--listen)"));
  }
  // gRPC's health service knows the server as a whole (""); checkers may ask for a service by its name.
  for (const char* service : kWorkingServices) api->server_->GetHealthCheckService()->SetServingStatus(service, true);
  return api;
}

ApiServer::~ApiServer() { Stop(std::chrono::seconds(0)); }

std::shared_ptr<grpc::Channel> ApiServer::InProcessChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return server_->InProcessChannel(arguments);
}

void ApiServer::Stop(std::chrono::seconds grace) {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->Shutdown();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
  server_.reset();
}

}  // namespace fintag::server
