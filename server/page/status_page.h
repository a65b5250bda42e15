// The status page (STATUS_PAGE.md): its files, its JSON, and what keeps other web pages away from both.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "server/page/api_gateway.h"
#include "server/telemetry/http_endpoint.h"

namespace fintag::server {

// "localhost", "127.0.0.1", "[::1]" and their like, with or without a port.
bool IsLoopbackHost(std::string_view host);

class StatusPage {
 public:
  // `api` is a channel to the API. `loopback`: the page listens on loopback, and is served under loopback's names
  // alone: a name that someone's DNS points here would let his web page read ours.
  StatusPage(const std::shared_ptr<grpc::Channel>& api, bool loopback) : gateway_(api), loopback_(loopback) {}

  HttpResponse Answer(const HttpRequest& request);

  // Before the API's server stops (ApiGateway::Stop).
  void Stop(std::chrono::seconds grace) { gateway_.Stop(grace); }

 private:
  HttpResponse Route(const HttpRequest& request);
  HttpResponse RouteApi(const HttpRequest& request, std::string_view path);

  ApiGateway gateway_;
  const bool loopback_;
};

}  // namespace fintag::server
