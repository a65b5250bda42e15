#include "server/model_log.h"

#include "absl/strings/str_format.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

// As with calls, the message stays out of the log.
void LogDrop(const Logger& logger, const ModelVersion& version, const DroppedRequest& dropped) {
  logger.Write(Severity::kWarning, "tag request dropped",
               {{"model", version.name()},
                {"code", absl::StatusCodeToString(dropped.status.code())},
                {"tokens", StrCat(dropped.tokens)},
                {"seconds", absl::StrFormat("%.6f", dropped.seconds)},
                {"trace_id", dropped.trace_id}});
}

// Errors are of files and memory: no user's text is in their messages.
void LogLoad(const Logger& logger, const ModelVersion& version, const LoadReport& load) {
  const std::string seconds = absl::StrFormat("%.3f", load.seconds);
  if (load.status.ok()) {
    logger.Write(Severity::kInfo, "model loaded",
                 {{"model", version.name()},
                  {"precision", load.precision},
                  {"bytes", StrCat(load.bytes)},
                  {"seconds", seconds}});
  } else {
    logger.Write(Severity::kError, "model not loaded",
                 {{"model", version.name()}, {"error", load.status.ToString()}, {"seconds", seconds}});
  }
}

}  // namespace

ModelObservers LogModels(const Logger& logger) {
  ModelObservers observers;
  observers.on_drop = [&logger](const ModelVersion& version, const DroppedRequest& dropped) {
    LogDrop(logger, version, dropped);
  };
  observers.on_load = [&logger](const ModelVersion& version, const LoadReport& load) {
    LogLoad(logger, version, load);
  };
  observers.on_make_room = [&logger](const ModelVersion& version) {
    logger.Write(Severity::kInfo, "model dropped to make room", {{"model", version.name()}});
  };
  return observers;
}

}  // namespace fintag::server
