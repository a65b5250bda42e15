#include "server/telemetry/logger.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace fintag::server {
namespace {

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "info";
}

std::string Json(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Whether a value needs no quotes in a text line.
bool IsPlain(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(),
                                       [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '=' && c != '\\'; });
}

}  // namespace

void Logger::Write(Severity severity, std::string_view message, LogFields fields) const {
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  std::string line;
  if (format_ == LogFormat::kJson) {
    nlohmann::ordered_json json;
    json["time"] = time;
    json["severity"] = SeverityName(severity);
    json["message"] = message;
    for (const auto& [name, value] : fields) json[std::string(name)] = value;
    line = Json(json);
  } else {
    line = time + " " + std::string(SeverityName(severity)) + " " + std::string(message);
    for (const auto& [name, value] : fields) {
      line += " " + std::string(name) + "=" + (IsPlain(value) ? value : Json(value));
    }
  }
  line += '\n';
  // One call, so that lines of several threads do not mix. A closed standard error is no reason to stop serving.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace fintag::server
