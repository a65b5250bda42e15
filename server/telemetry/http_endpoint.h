// The HTTP port beside gRPC: /metrics for Prometheus, /healthz (the process lives), /readyz (it takes requests), and
// whatever else it is given pages for.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/security/access.h"
#include "server/security/reloaded.h"
#include "server/security/server_tls.h"
#include "server/telemetry/metrics.h"

namespace fintag::server {

struct HttpRequest {
  std::string method;  // "GET" (HEAD too) or "POST"
  std::string path;    // decoded, from its "/" to before the "?"
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Answers GET and POST at every path but the endpoint's own; from several threads at once.
struct HttpPages {
  std::function<HttpResponse(const HttpRequest&)> answer;  // empty: 404
  size_t max_body_bytes = 4096;                            // 413 past it
};

// Whom it answers. /healthz and /readyz answer everybody, since those who check have neither certificate nor token.
struct HttpSecurity {
  // None: plain HTTP. With an authority for clients, all but the health checks needs a certificate of it, else 403.
  const Reloaded<ServerTls>* tls = nullptr;
  // None, or one that asks for no tokens: /metrics needs none. Pages see to theirs themselves.
  const Access* access = nullptr;
};

class HttpEndpoint {
 public:
  // Listens at `host`:`port` (0: any free port). UNAVAILABLE if the port is taken. `pages` never take all threads: past
  // kMostPageRequests at once the rest get 503, and /metrics and the health checks still answer.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(const std::string& host, int port, Metrics& metrics,
                                                             const std::atomic<bool>& ready, HttpPages pages = {},
                                                             HttpSecurity security = {});
  static constexpr int kMostPageRequests = 12;

  virtual ~HttpEndpoint() = default;
  virtual int port() const = 0;
};

}  // namespace fintag::server
