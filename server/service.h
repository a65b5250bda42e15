// The whole server, put together: storage, registries, job queue, models, gRPC and HTTP.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "server/server_options.h"

namespace fintag::server {

class Service {
 public:
  // Everything is up when this returns; FAILED_PRECONDITION if another server has the data folder.
  static absl::StatusOr<std::unique_ptr<Service>> Start(const ServerOptions& options, const Logger& logger);
  virtual ~Service() = default;

  // Refuses new work, lets calls under way end, leaves trainers running.
  virtual void Stop() = 0;
};

}  // namespace fintag::server
