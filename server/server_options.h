// What fintagd can be told, on the command line or in a file of the same names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "server/api/api_server.h"
#include "server/api/caller_limits.h"
#include "server/api/tagging_service.h"
#include "server/jobs/job_queue.h"
#include "server/security/security_options.h"
#include "server/serving/loaded_models.h"
#include "server/telemetry/logger.h"

namespace fintag::server {

struct ServerOptions {
  std::filesystem::path data_dir;
  std::filesystem::path restore;  // an archive to make the data folder of, in place of serving; empty: none
  std::string metrics_host = "localhost";
  int metrics_port = 9464;
  // Serves the models of another server whose data folder this is, and nothing else.
  bool follow = false;
  std::string primary;  // HOST:PORT of that server, for callers who want more
  bool page = true;     // the status page, on the same port
  // Names that it is served under (StatusPage); none: loopback's where it listens on loopback, else any.
  std::vector<std::string> page_hosts;
  LogFormat log_format = LogFormat::kText;
  SecurityOptions security;
  CallerLimitOptions callers;
  int32_t max_processes = 0;     // trainers of one job; chosen by the launcher where it is not given
  int64_t max_caller_jobs = 0;   // of one caller, that have not ended; 0: any number
  int64_t max_caller_bytes = 0;  // of datasets and models of one caller's; 0: any number
  int64_t max_dataset_bytes = int64_t{1} << 30;
  int64_t max_model_bytes = int64_t{8} << 30;
  int32_t max_calls = 512;  // under way at once, beside the watches
  int32_t max_watchers = 1024;
  int32_t stop_seconds = 10;  // for calls under way at SIGTERM
  ApiServerOptions api;
  JobQueueOptions jobs;  // folder and trainer are set by main
  LoadedModelsOptions models;
  TaggingLimits tagging;
};

// The options, or the status that the program should exit with at once (--help, --version, wrong usage).
struct ParsedOptions {
  ServerOptions options;
  std::optional<int> exit_status;
};
ParsedOptions ParseServerOptions(int argc, char** argv);

}  // namespace fintag::server
