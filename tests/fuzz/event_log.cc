// DecodeEvent, and the log's reader and writer. The fuzzer gives the lines; each gets the checksum that is its own, so
// that what lies behind it is reached, but for lines that start with '!', which are taken as they are.
#include "core/training/event_log.h"

#include "absl/strings/str_cat.h"
#include "core/training/event_json.h"
#include "tests/fuzz/memory_file.h"

namespace fintag::fuzz {
namespace {

std::string Line(std::string_view text) {
  if (text.starts_with('!')) return std::string(text.substr(1)) + "\n";
  return absl::StrCat(absl::Hex(Crc32(text), absl::kZeroPad8), " ", absl::string_view(text.data(), text.size()), "\n");
}

void CheckEvent(const std::string& line) {
  const absl::StatusOr<Event> event = DecodeEvent(line);
  FUZZ_PROMISE(event.ok() || absl::IsDataLoss(event.status()));
  if (!event.ok()) return;
  const std::string encoded = EncodeEvent(*event);
  const absl::StatusOr<Event> again = DecodeEvent(encoded);
  FUZZ_PROMISE(again.ok());
  FUZZ_PROMISE(EncodeEvent(*again) == encoded);
}

absl::Status ReadAll(const std::filesystem::path& file, std::vector<Event>& events) {
  const std::unique_ptr<EventLogReader> reader = EventLogReader::Open(file);
  size_t before;
  do {
    before = events.size();
    if (absl::Status status = reader->ReadNew(events); !status.ok()) return status;
  } while (events.size() > before);
  return absl::OkStatus();
}

// Reader and writer agree on what is there, and the log can be written on.
void CheckLog(const std::string& bytes) {
  const MemoryFile file(bytes);
  std::vector<Event> events;
  const absl::Status read = ReadAll(file.path(), events);
  FUZZ_PROMISE(read.ok() || absl::IsDataLoss(read));
  for (size_t i = 0; i < events.size(); ++i) FUZZ_PROMISE(events[i].sequence == static_cast<int64_t>(i) + 1);
  absl::StatusOr<std::unique_ptr<EventLogWriter>> writer = EventLogWriter::Open(file.path());
  FUZZ_PROMISE(writer.ok() == read.ok());
  if (!writer.ok()) return;
  FUZZ_PROMISE((*writer)->last_sequence() == static_cast<int64_t>(events.size()));
  Event last;
  last.what = TrainingProgress();
  FUZZ_PROMISE((*writer)->Append(last).ok());
  std::vector<Event> again;
  FUZZ_PROMISE(ReadAll(file.path(), again).ok());
  FUZZ_PROMISE(again.size() == events.size() + 1);
}

}  // namespace
}  // namespace fintag::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fintag::fuzz::Text(data, size);
  std::string log;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string line = fintag::fuzz::Line(rest.substr(0, end));
    fintag::fuzz::CheckEvent(line);
    log += line;
    if (end == std::string_view::npos) {
      log.pop_back();  // the last line is torn
      break;
    }
    rest.remove_prefix(end + 1);
  }
  fintag::fuzz::CheckLog(log);
  return 0;
}
