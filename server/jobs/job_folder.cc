#include "server/jobs/job_folder.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/model/atomic_folder.h"
#include "core/text/strings.h"
#include "core/training/file_io.h"
#include "core/training/training_json.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgressFile = "progress.json";
constexpr std::streamoff kTailBytes = 2000;
constexpr int kTailLines = 10;
constexpr fs::perms kModelFile =
    fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read | fs::perms::others_read;

}  // namespace

absl::Status JobFolder::WriteSpec(const JobSpec& spec) const {
  return ReplaceFile(path_ / "job.json", JobSpecJson(spec));
}

absl::StatusOr<JobSpec> JobFolder::ReadSpec() const {
  absl::StatusOr<std::string> json = ReadFile(path_ / "job.json");
  if (!json.ok()) return json.status();
  return ParseJobSpec(*json);
}

absl::Status JobFolder::WriteProgress(const JobProgress& progress) const {
  nlohmann::json epochs = nlohmann::json::array();
  for (const EpochResult& epoch : progress.epochs) epochs.push_back(ToJson(epoch));
  return ReplaceFile(path_ / kProgressFile, Dump({{"epochs", std::move(epochs)},
                                                  {"latest", ToJson(progress.latest)},
                                                  {"word_lookup", ToJson(progress.word_lookup)},
                                                  {"last_sequence", progress.last_sequence}}));
}

absl::StatusOr<JobProgress> JobFolder::ReadProgress() const {
  const absl::StatusOr<std::string> text = ReadFile(path_ / kProgressFile);
  if (!text.ok()) return text.status();
  try {
    const nlohmann::json object = nlohmann::json::parse(*text);
    JobProgress progress;
    for (const nlohmann::json& epoch : object.at("epochs")) progress.epochs.push_back(EpochResultFromJson(epoch));
    progress.latest = TrainingProgressFromJson(object.at("latest"));
    progress.word_lookup = ScoresFromJson(object.at("word_lookup"));
    ReadInteger(object.at("last_sequence"), progress.last_sequence);
    return progress;
  } catch (const nlohmann::json::exception& error) {
    return absl::DataLossError(StrCat((path_ / kProgressFile).string(), ": ", error.what()));
  }
}

absl::Status JobFolder::AppendState(StateChanged state, const std::string& trace_id) const {
  absl::StatusOr<std::unique_ptr<EventLogWriter>> log = EventLogWriter::Open(events());
  if (!log.ok()) return log.status();
  Event event;
  event.trace_id = trace_id;
  event.what = std::move(state);
  return (*log)->Append(std::move(event));
}

bool JobFolder::TrainerWasStarted() const {
  std::error_code error;
  // Made empty by the server, filled by the trainer's process.
  return fs::file_size(path_ / "trainer.pid", error) > 0 && !error;
}

bool JobFolder::WasRestored() const {
  std::error_code error;
  return fs::exists(path_ / "restored", error);
}

void JobFolder::ForgetRestore() const {
  std::error_code error;
  fs::remove(path_ / "restored", error);
}

std::string JobFolder::OutputTail() const {
  std::ifstream file(path_ / "trainer.out", std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - kTailBytes));
  std::string tail((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (size > kTailBytes) tail.erase(0, tail.find('\n') + 1);
  tail = std::string(absl::StripAsciiWhitespace(tail));
  // What a crash prints may be anything; a message is text.
  std::replace_if(
      tail.begin(), tail.end(), [](unsigned char c) { return (c < 0x20 && c != '\n' && c != '\t') || c >= 0x7f; }, '?');
  size_t start = tail.size();
  for (int lines = 0; lines < kTailLines && start != std::string::npos && start > 0; ++lines) {
    start = tail.rfind('\n', start - 1);
  }
  return start == std::string::npos || start == 0 ? tail : tail.substr(start + 1);
}

absl::Status JobFolder::LinkCheckpoint(const fs::path& to) const {
  std::error_code error;
  for (auto entry = fs::directory_iterator(checkpoint(), error); !error && entry != fs::end(entry);
       entry.increment(error)) {
    // Of the entry itself: what a link leads to is not the trainer's to give away.
    if (entry->symlink_status(error).type() != fs::file_type::regular) continue;
    const fs::path target = to / entry->path().filename();
    fs::create_hard_link(entry->path(), target, error);
    if (error) fs::copy_file(entry->path(), target, error);
    // The trainer writes for itself alone; a model's files are readable like those of an import.
    if (!error) fs::permissions(target, kModelFile, error);
    if (error) break;
  }
  if (error) return absl::ErrnoToStatus(error.value(), StrCat("cannot take over ", checkpoint().string()));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<EpochResult>> JobFolder::RecordedEpoch() const {
  absl::StatusOr<std::string> text = ReadFile(checkpoint() / "fintag.json");
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  try {
    const nlohmann::json record = nlohmann::json::parse(*text);
    for (const nlohmann::json& object : record.at("epochs")) {
      if (object.at("epoch") != record.at("kept_epoch")) continue;
      EpochResult epoch;
      ReadInteger(object.at("epoch"), epoch.epoch);
      epoch.scores = ScoresFromJson(object.at("scores"));
      epoch.unseen = EntityScoresFromJson(object.at("unseen"));
      return epoch;
    }
  } catch (const nlohmann::json::exception&) {
    // Another trainer's record: the log is enough.
  }
  return std::nullopt;
}

void JobFolder::RemoveHalfWritten() const {
  AtomicFolder::Recover(checkpoint()).IgnoreError();  // what stays goes with the job
  std::error_code error;
  for (auto entry = fs::directory_iterator(path_, error); !error && entry != fs::end(entry); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code stays;
    if (name.starts_with(".scratch-") || name.ends_with(".tmp")) fs::remove(entry->path(), stays);
  }
}

void JobFolder::RemoveState() const {
  std::error_code error;
  for (const char* name : {"state", ".state.new", ".state.old"}) fs::remove_all(path_ / name, error);
}

void JobFolder::RemoveCheckpoint() const {
  std::error_code error;
  fs::remove_all(checkpoint(), error);  // if it stays, it goes with the job
}

}  // namespace fintag::server
