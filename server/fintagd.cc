// The server program: options, signals, and the service between them.
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <filesystem>

#include "absl/synchronization/mutex.h"
#include "core/training/brief_spin.h"
#include "server/backup/restore.h"
#include "server/server_options.h"
#include "server/service.h"

namespace {

// Blocks the signals that end the server, in this thread and those it starts, so that main can wait for them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Messages of gRPC (such as of handshakes that failed) and of Protobuf (of strings that are no UTF-8, by their field's
// name), as lines of our log. The libraries know no place for more than a function.
const fintag::server::Logger* library_logger = nullptr;

void LogGrpc(gpr_log_func_args* message) {
  const bool error = message->severity == GPR_LOG_SEVERITY_ERROR;
  library_logger->Write(error ? fintag::server::Severity::kWarning : fintag::server::Severity::kInfo, "gRPC",
                        {{"text", message->message}});
}

// As for gRPC's.
void LogProtobuf(google::protobuf::LogLevel /*level*/, const char* /*file*/, int /*line*/, const std::string& text) {
  library_logger->Write(fintag::server::Severity::kWarning, "protobuf", {{"text", text}});
}

// As many files and connections as the system lets us have: the usual limit of 1,024 is there for old programs.
void RaiseFileLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Failed(const absl::Status& status) {
  std::fprintf(stderr, "fintagd: %s\n", std::string(status.message()).c_str());
  return 1;
}

// In place of serving: who restores looks at what came before anybody calls, and a service that is restarted with the
// same options does not try it again on a folder in use.
int RestoreDataFolder(const fintag::server::ServerOptions& options) {
  const auto restored = fintag::server::Restore(options.restore, options.data_dir);
  if (!restored.ok()) return Failed(restored.status());
  std::printf("restored %s into %s\n", fintag::server::Describe(*restored).c_str(), options.data_dir.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  fintag::SpinBriefly(argv);
  // Debian's abseil looks for deadlocks at every lock of gRPC's, and takes one lock of the whole process for it.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  fintag::server::ParsedOptions parsed = fintag::server::ParseServerOptions(argc, argv);
  if (parsed.exit_status.has_value()) return *parsed.exit_status;
  if (!parsed.options.restore.empty()) return RestoreDataFolder(parsed.options);
  if (parsed.options.jobs.trainer.empty()) {
    parsed.options.jobs.trainer = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "fintag-train";
  }
  RaiseFileLimit();
  const sigset_t signals = BlockStopSignals();
  // To the end of the process, as gRPC's threads are.
  static const fintag::server::Logger logger(parsed.options.log_format);
  library_logger = &logger;
  gpr_set_log_function(LogGrpc);
  google::protobuf::SetLogHandler(LogProtobuf);

  auto service = fintag::server::Service::Start(parsed.options, logger);
  if (!service.ok()) return Failed(service.status());
  int received = 0;
  sigwait(&signals, &received);
  logger.Write(fintag::server::Severity::kInfo, "stopping", {{"signal", std::to_string(received)}});
  (*service)->Stop();
  logger.Write(fintag::server::Severity::kInfo, "stopped");
  return 0;
}
