#include "server/api/api_server.h"

#include <google/protobuf/message.h>
#include <grpc/health/v1/health.pb.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include "server/api/service_names.h"
#include "server/api/tls_credentials.h"

namespace fintag::server {

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(const ApiServerOptions& options,
                                                            const Reloaded<ServerTls>* tls,
                                                            const std::vector<grpc::Service*>& services,
                                                            Listener::Observer on_refusal) {
  absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Bind(options.listen);
  if (!listener.ok()) return listener.status();
  grpc::EnableDefaultHealthCheckService(true);
  // gRPC's health service knows its messages by hand; reflection tells of it only where their descriptors are linked.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
  std::unique_ptr<ApiServer> api(new ApiServer());
  api->listener_ = *std::move(listener);
  grpc::ServerBuilder builder;
  api->credentials_ = tls == nullptr ? grpc::InsecureServerCredentials() : TlsServerCredentials(*tls);
  api->acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, api->credentials_);
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(-1);
  builder.SetResourceQuota(grpc::ResourceQuota("calls").SetMaxThreads(options.max_threads));
  // Threads that are done with a call wait for the next one, of each completion queue: with gRPC's own 2 a thread was
  // made for nearly every call.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 32);
  // Finds out about clients that vanished, whose watches would keep their places; a quiet watch is pinged for ever.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Clients may ping to keep a quiet watch open.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  for (grpc::Service* service : services) builder.RegisterService(service);
  api->server_ = builder.BuildAndStart();
  if (api->server_ == nullptr) return absl::InternalError("gRPC cannot start");
  // gRPC's health service knows the server as a whole (""); checkers may ask for a service by its name.
  for (const char* service : kWorkingServices) api->server_->GetHealthCheckService()->SetServingStatus(service, true);
  api->listener_->Start(
      [acceptor = api->acceptor_.get()](int listener_file, int connection) {
        grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
        parameters.listener_fd = listener_file;
        parameters.fd = connection;
        acceptor->HandleNewConnection(&parameters);
      },
      std::move(on_refusal));
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
  listener_->Stop();
  server_->GetHealthCheckService()->Shutdown();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
  server_.reset();
}

}  // namespace fintag::server
