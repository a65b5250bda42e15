#include "server/api/call.h"

#include "absl/strings/str_format.h"
#include "server/api/status_conversion.h"

namespace fintag::server {

grpc::Status FinishCall(const CallEnvironment& environment, const std::string& caller, const std::string& method,
                        const absl::Status& status, std::chrono::steady_clock::time_point start) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::string code = absl::StatusCodeToString(status.code());
  environment.metrics.OnRequest(method, code, seconds);
  // The message stays out of the log: it may quote a user's text.
  const bool ours = status.code() == absl::StatusCode::kInternal || status.code() == absl::StatusCode::kUnknown ||
                    status.code() == absl::StatusCode::kDataLoss;
  if (status.code() == absl::StatusCode::kDataLoss) {
    // Of our own files and rows alone, which the operator must know.
    environment.logger.Write(Severity::kError, "stored data is damaged",
                             {{"method", method}, {"error", std::string(status.message())}});
  }
  environment.logger.Write(
      ours ? Severity::kError : Severity::kInfo, "call",
      {{"method", method}, {"code", code}, {"seconds", absl::StrFormat("%.6f", seconds)}, {"caller", caller}});
  return ToGrpcStatus(status, method);
}

absl::Status StreamEnd(const CallEnvironment& environment, const grpc::ServerContext& context) {
  if (environment.stopping) {
    return absl::UnavailableError("the server is stopping: send what is not answered yet again");
  }
  return context.IsCancelled() ? absl::CancelledError("the caller went away") : absl::OkStatus();
}

}  // namespace fintag::server
