// The state of a data folder at one moment, held fast while it is copied: a snapshot of the store and hard links to the
// files that its rows name, in DATA/.backup. What is deleted meanwhile stays in it; logs are taken as long as they
// were.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/backup/archive_format.h"
#include "server/storage/database.h"

namespace fintag::server {

struct StagedFile {
  std::string name;          // in the archive and below the staging folder
  int64_t size = 0;          // the file may have grown since
  int64_t unix_seconds = 0;  // of its last change
  bool whole_lines = false;  // a log, in which a line may be on its way: it ends behind the last whole one
};

class StagedBackup {
 public:
  // Removes what an interrupted program left of its backups.
  static absl::Status Clear(const std::filesystem::path& data_dir);

  // The store waits while files are linked: some 10 microseconds each. DATA_LOSS where a row's files are gone or the
  // store is damaged, RESOURCE_EXHAUSTED for a full disk.
  static absl::StatusOr<std::unique_ptr<StagedBackup>> Create(Database& database,
                                                              const std::filesystem::path& data_dir);
  ~StagedBackup();
  StagedBackup(const StagedBackup&) = delete;
  StagedBackup& operator=(const StagedBackup&) = delete;

  const Manifest& manifest() const { return manifest_; }

  // Gives the archive to `sink` in pieces of `piece_bytes`, the last one shorter. Errors of `sink`, DATA_LOSS where a
  // file cannot be read to its end.
  absl::Status Write(size_t piece_bytes, const std::function<absl::Status(std::string_view)>& sink) const;

 private:
  explicit StagedBackup(std::filesystem::path folder) : folder_(std::move(folder)) {}

  absl::Status LinkAll(Database& database, const std::filesystem::path& data_dir);
  absl::Status LinkFolder(const std::filesystem::path& data_dir, const std::string& name);
  absl::Status LinkJob(const std::filesystem::path& data_dir, const std::string& id);
  absl::Status CutLogs();

  const std::filesystem::path folder_;
  std::vector<StagedFile> files_;
  Manifest manifest_;
};

}  // namespace fintag::server
