// The status page (STATUS_PAGE.md): its files, its JSON, and what keeps other web pages away from both.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/page/api_gateway.h"
#include "server/telemetry/http_endpoint.h"

namespace fintag::server {

// "localhost", "127.0.0.1", "[::1]" and their like, with or without a port.
bool IsLoopbackHost(std::string_view host);

class StatusPage {
 public:
  // `api` is a channel to the API. `hosts` are the names that the page is served under, without ports: "localhost"
  // stands for all of loopback's, "*" for any. Under another one, which someone's DNS may point here, his web page
  // could read ours.
  StatusPage(const std::shared_ptr<grpc::Channel>& api, std::vector<std::string> hosts)
      : gateway_(api), hosts_(std::move(hosts)) {}

  HttpResponse Answer(const HttpRequest& request);

  // Before the API's server stops (ApiGateway::Stop).
  void Stop(std::chrono::seconds grace) { gateway_.Stop(grace); }

 private:
  HttpResponse Route(const HttpRequest& request);
  HttpResponse RouteApi(const HttpRequest& request, std::string_view path);
  bool IsServedAs(std::string_view host) const;

  ApiGateway gateway_;
  const std::vector<std::string> hosts_;
};

}  // namespace fintag::server
