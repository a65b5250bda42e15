#include "server/backup/staged_backup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "core/text/strings.h"
#include "core/training/sha256.h"
#include "core/version.h"
#include "server/backup/linked_folder.h"
#include "server/backup/tar_writer.h"
#include "server/storage/disk_error.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBytes = 1 << 20;
constexpr int kMostTries = 100;  // at a checkpoint that its trainer keeps replacing

fs::path StagingRoot(const fs::path& data_dir) { return data_dir / ".backup"; }

bool Everything(const std::string&) { return true; }

// The choice of a precision is this machine's, and made again where it is missing.
bool OfVersion(const std::string& name) { return !absl::StartsWith(name, "precision.json"); }

// A restored job has no trainer, and none of what only that one needs.
bool OfJob(const std::string& name) {
  return name == "events.log" || name == "progress.json" || name == "job.json" || absl::EndsWith(name, ".out");
}

// Files that `rows` promise are gone.
absl::Status Gone(const std::string& name, const absl::Status& status) {
  if (!absl::IsNotFound(status)) return status;
  return absl::DataLossError(StrCat("the files of ", name, " are not in the data folder any more (", status.message(),
                                    "): delete ", name, ", or put them back, then try again"));
}

// Where the last whole line of the first `size` bytes ends.
absl::StatusOr<int64_t> EndOfLines(const fs::path& file, int64_t size) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return DiskError(errno, StrCat("cannot open ", file.string()));
  const absl::Cleanup closing = [descriptor] { close(descriptor); };
  char buffer[4096];
  for (int64_t end = size; end > 0;) {
    const int64_t start = std::max<int64_t>(0, end - static_cast<int64_t>(sizeof buffer));
    const ssize_t got = pread(descriptor, buffer, static_cast<size_t>(end - start), start);
    if (got < 0 && errno == EINTR) continue;
    if (got != end - start) return absl::DataLossError(StrCat("cannot read ", file.string()));
    const size_t newline = std::string_view(buffer, static_cast<size_t>(got)).rfind('\n');
    if (newline != std::string_view::npos) return start + static_cast<int64_t>(newline) + 1;
    end = start;
  }
  return 0;
}

// The first `file.size` bytes of a staged file.
absl::Status WriteFile(const fs::path& path, const StagedFile& file, TarWriter& tar, std::string& buffer,
                       std::string& checksums) {
  if (absl::Status begun = tar.Begin(file.name, file.size, file.unix_seconds); !begun.ok()) return begun;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return DiskError(errno, StrCat("cannot open ", file.name));
  const absl::Cleanup closing = [descriptor] { close(descriptor); };
  Sha256 sha256;
  for (int64_t left = file.size; left > 0;) {
    const ssize_t got = read(descriptor, buffer.data(), std::min(buffer.size(), static_cast<size_t>(left)));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return absl::DataLossError(StrCat(file.name, " cannot be read to its end", got < 0 ? ": the disk fails" : ""));
    }
    const std::string_view piece(buffer.data(), static_cast<size_t>(got));
    sha256.Update(piece);
    if (absl::Status written = tar.Write(piece); !written.ok()) return written;
    left -= got;
  }
  absl::StrAppend(&checksums, sha256.FinishHex(), "  ", file.name, "\n");
  return absl::OkStatus();
}

absl::Status WriteText(const std::string& name, const std::string& text, int64_t unix_seconds, TarWriter& tar) {
  if (absl::Status begun = tar.Begin(name, static_cast<int64_t>(text.size()), unix_seconds); !begun.ok()) return begun;
  return tar.Write(text);
}

}  // namespace

absl::Status StagedBackup::Clear(const fs::path& data_dir) {
  std::error_code error;
  fs::remove_all(StagingRoot(data_dir), error);
  if (error) return DiskError(error.value(), StrCat("cannot remove ", StagingRoot(data_dir).string()));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StagedBackup>> StagedBackup::Create(Database& database, const fs::path& data_dir) {
  std::error_code error;
  fs::create_directories(StagingRoot(data_dir), error);
  if (error) return DiskError(error.value(), StrCat("cannot make ", StagingRoot(data_dir).string()));
  std::string name = (StagingRoot(data_dir) / "XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return DiskError(errno, StrCat("cannot make ", name));
  std::unique_ptr<StagedBackup> staged(new StagedBackup(name));
  absl::Status linked =
      database.Snapshot(staged->folder_ / "fintag.db", [&] { return staged->LinkAll(database, data_dir); });
  if (linked.ok()) linked = staged->CutLogs();
  if (!linked.ok()) return linked;
  Manifest& manifest = staged->manifest_;
  manifest.files = std::ssize(staged->files_);
  for (const StagedFile& file : staged->files_) manifest.files_bytes += file.size;
  return staged;
}

StagedBackup::~StagedBackup() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

absl::Status StagedBackup::LinkAll(Database& database, const fs::path& data_dir) {
  manifest_.program_version = kVersion;
  manifest_.create_time_ms = absl::ToUnixMillis(absl::Now());
  absl::StatusOr<std::vector<Row>> rows = database.Query("PRAGMA user_version");
  if (!rows.ok()) return rows.status();
  manifest_.schema_version = rows->at(0).Int(0);
  std::error_code error;
  const auto size = fs::file_size(folder_ / "fintag.db", error);
  if (error) return DiskError(error.value(), "cannot find the snapshot of the store");
  files_.push_back({"fintag.db", static_cast<int64_t>(size), manifest_.create_time_ms / 1000});

  rows = database.Query("SELECT id FROM datasets ORDER BY position");
  if (!rows.ok()) return rows.status();
  for (const Row& row : *rows) {
    if (absl::Status linked = LinkFolder(data_dir, "datasets/" + row.Text(0)); !linked.ok()) return linked;
  }
  manifest_.datasets = std::ssize(*rows);
  rows = database.Query("SELECT model, version FROM model_versions ORDER BY model, version");
  if (!rows.ok()) return rows.status();
  for (const Row& row : *rows) {
    absl::Status linked = LinkFolder(data_dir, StrCat("models/", row.Text(0), "/", row.Int(1)));
    if (!linked.ok()) return linked;
  }
  manifest_.model_versions = std::ssize(*rows);
  rows = database.Query("SELECT id FROM jobs ORDER BY position");
  if (!rows.ok()) return rows.status();
  for (const Row& row : *rows) {
    if (absl::Status linked = LinkJob(data_dir, row.Text(0)); !linked.ok()) return linked;
  }
  manifest_.jobs = std::ssize(*rows);

  absl::StatusOr<std::vector<LinkedFile>> audit =
      LinkFiles(data_dir, folder_, [](const std::string& name) { return name == "audit.log"; });
  if (!audit.ok()) return audit.status();
  for (const LinkedFile& file : *audit) files_.push_back({file.name, file.size, file.unix_seconds, true});
  return absl::OkStatus();
}

absl::Status StagedBackup::LinkFolder(const fs::path& data_dir, const std::string& name) {
  absl::StatusOr<std::vector<LinkedFile>> linked =
      LinkFiles(data_dir / name, folder_ / name, absl::StartsWith(name, "models/") ? OfVersion : Everything);
  if (!linked.ok()) return Gone(name, linked.status());
  for (const LinkedFile& file : *linked) files_.push_back({name + "/" + file.name, file.size, file.unix_seconds});
  return absl::OkStatus();
}

absl::Status StagedBackup::LinkJob(const fs::path& data_dir, const std::string& id) {
  const std::string name = "jobs/" + id;
  absl::StatusOr<std::vector<LinkedFile>> linked = LinkFiles(data_dir / name, folder_ / name, OfJob);
  if (!linked.ok()) return Gone(name, linked.status());
  for (const LinkedFile& file : *linked) {
    files_.push_back({name + "/" + file.name, file.size, file.unix_seconds, file.name == "events.log"});
  }
  const std::string checkpoint = name + "/checkpoint";
  for (int tried = 1;; ++tried) {
    linked = LinkFiles(data_dir / checkpoint, folder_ / checkpoint, Everything);
    std::error_code ignored;
    if (!absl::IsNotFound(linked.status()) || !fs::exists(data_dir / checkpoint, ignored)) break;
    // Its trainer has put a newer one in its place, and takes this one apart.
    fs::remove_all(folder_ / checkpoint, ignored);
    if (tried == kMostTries) return linked.status();
  }
  if (absl::IsNotFound(linked.status())) return absl::OkStatus();
  if (!linked.ok()) return linked.status();
  for (const LinkedFile& file : *linked) files_.push_back({checkpoint + "/" + file.name, file.size, file.unix_seconds});
  return absl::OkStatus();
}

absl::Status StagedBackup::CutLogs() {
  for (StagedFile& file : files_) {
    if (!file.whole_lines) continue;
    absl::StatusOr<int64_t> end = EndOfLines(folder_ / file.name, file.size);
    if (!end.ok()) return end.status();
    file.size = *end;
  }
  return absl::OkStatus();
}

absl::Status StagedBackup::Write(size_t piece_bytes, const std::function<absl::Status(std::string_view)>& sink) const {
  const std::unique_ptr<TarWriter> tar = TarWriter::Create(piece_bytes, sink);
  const int64_t now = manifest_.create_time_ms / 1000;
  if (absl::Status status = WriteText(kManifestName, ManifestJson(manifest_), now, *tar); !status.ok()) return status;
  std::string buffer(kReadBytes, '\0');
  std::string checksums;
  for (const StagedFile& file : files_) {
    absl::Status status = WriteFile(folder_ / file.name, file, *tar, buffer, checksums);
    if (!status.ok()) return status;
  }
  if (absl::Status status = WriteText(kChecksumsName, checksums, now, *tar); !status.ok()) return status;
  return tar->Finish();
}

}  // namespace fintag::server
