// What a backup's archive looks like (BACKUP.md): its manifest, and the names that may be in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fintag::server {

// The version that this program writes, and the newest that it reads.
inline constexpr int64_t kArchiveFormat = 1;

// First in the archive.
inline constexpr char kManifestName[] = "manifest.json";
// Last: the SHA-256 of every file between them, as `sha256sum -c` reads it.
inline constexpr char kChecksumsName[] = "SHA256SUMS";

struct Manifest {
  int64_t format = kArchiveFormat;
  std::string program_version;
  int64_t schema_version = 0;  // of fintag.db
  int64_t create_time_ms = 0;
  int64_t datasets = 0;
  int64_t model_versions = 0;
  int64_t jobs = 0;
  // Those between the manifest and the checksums.
  int64_t files = 0;
  int64_t files_bytes = 0;
};

std::string ManifestJson(const Manifest& manifest);
// FAILED_PRECONDITION for a newer format, or a schema version beyond `known_schema`; DATA_LOSS for what is no manifest.
absl::StatusOr<Manifest> ManifestFromJson(std::string_view json, int64_t known_schema);

// Whether `name` is a file or folder name of letters, digits, '.', '_' and '-' that does not start with '.'.
bool IsPlainFileName(std::string_view name);

// Whether a file of the archive may have this name: fintag.db, audit.log, or plain names below datasets/, models/ or
// jobs/. Nothing absolute, nothing that leads out.
bool IsArchivedName(std::string_view name);

}  // namespace fintag::server
