// A data folder made of a backup's archive: `fintagd --restore`.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/backup/archive_format.h"

namespace fintag::server {

// Where a restore unpacks, in the data folder. It is there as long as the restore is not done.
inline constexpr char kRestoringFolder[] = ".restoring";

// Makes `data_dir` of the archive in `file`, all of it or nothing: checked against its manifest and checksums in a
// folder within, then moved into place. FAILED_PRECONDITION where `data_dir` has anything in it already, a server uses
// it, or a newer program made the archive; RESOURCE_EXHAUSTED where the disk is too small; DATA_LOSS where the archive
// is cut or damaged or has what no backup has, a link or a name that leads out of the folder.
absl::StatusOr<Manifest> Restore(const std::filesystem::path& file, const std::filesystem::path& data_dir);

// "2 datasets, 3 model versions and 5 jobs as of 2026-11-26T09:00:00Z (fintagd 0.1.0, 12345678 bytes)".
std::string Describe(const Manifest& manifest);

// FAILED_PRECONDITION where a restore into `data_dir` was interrupted: no server may start on it.
absl::Status CheckRestored(const std::filesystem::path& data_dir);

}  // namespace fintag::server
