// The HTTP port beside gRPC: /metrics for Prometheus, /healthz (the process lives), /readyz (it takes requests).
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/telemetry/metrics.h"

namespace fintag::server {

class HttpEndpoint {
 public:
  // Listens at `host`:`port` (0: any free port). UNAVAILABLE if the port is taken.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(const std::string& host, int port, Metrics& metrics,
                                                             const std::atomic<bool>& ready);
  virtual ~HttpEndpoint() = default;
  virtual int port() const = 0;
};

}  // namespace fintag::server
