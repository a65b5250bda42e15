// A job's event log: an append-only file of numbered, checksummed lines (EVENT_LOG.md has the format). One writer at a
// time - the server before the trainer starts and after it ended, the trainer in between - and any number of readers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/training/trainer.h"

namespace fintag {

// The job entered a state. The log's last event is one with a final state.
struct StateChanged {
  std::string state;          // QUEUED, VALIDATING, RUNNING, CANCELLED, SUCCEEDED, FAILED
  std::string reason;         // of FAILED: "out of memory", "killed by signal 9 (SIGKILL)"
  std::string model_version;  // of SUCCEEDED and, where an epoch was finished, CANCELLED: "models/fin/versions/1"
};

// The trainer is done and the checkpoint is whole; the server registers it and appends the final state.
struct TrainingFinished {
  int32_t best_epoch = 0;
  int32_t kept_epoch = 0;
  bool cancelled = false;
};

struct TrainingFailed {
  std::string code;    // "INVALID_ARGUMENT", absl's name
  std::string reason;  // may have several lines
};

struct Event {
  int64_t sequence = 0;  // from 1, without gaps
  int64_t unix_milliseconds = 0;
  std::variant<StateChanged, TrainingStart, TrainingProgress, EpochResult, TrainingFinished, TrainingFailed> what;
  std::string trace_id = {};  // of the request that made the job; empty where it is not known
};

bool IsFinalState(std::string_view state);

// One line with its newline; and back. DATA_LOSS for a line whose checksum or form is wrong.
std::string EncodeEvent(const Event& event);
absl::StatusOr<Event> DecodeEvent(std::string_view line);

class EventLogWriter {
 public:
  // Opens or creates the log, cuts off a torn last line and goes on behind the last event. DATA_LOSS where a line
  // before the last is damaged.
  static absl::StatusOr<std::unique_ptr<EventLogWriter>> Open(const std::filesystem::path& file);
  virtual ~EventLogWriter() = default;

  // Gives the event its number and time, writes it with one write call. Synced to disk for all but progress events.
  virtual absl::Status Append(Event event) = 0;
  virtual int64_t last_sequence() const = 0;
};

// Reads forward from the start; a reader a thread.
class EventLogReader {
 public:
  static std::unique_ptr<EventLogReader> Open(const std::filesystem::path& file);
  virtual ~EventLogReader() = default;

  // Appends what was written since the last call to `events`: whole lines, about a MiB of them at most, so that a long
  // log is never in memory at once. What is left stays for the next call, as does a line still being written: a call
  // that appends nothing has reached the end. A missing file has no events. DATA_LOSS for a damaged line before the
  // last.
  virtual absl::Status ReadNew(std::vector<Event>& events) = 0;
};

}  // namespace fintag
