#include "server/backup/restore.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "core/model/output_file.h"
#include "core/text/strings.h"
#include "core/training/sha256.h"
#include "server/backup/tar_reader.h"
#include "server/storage/database.h"
#include "server/storage/disk_error.h"
#include "server/storage/folder_lock.h"
#include "server/storage/folders.h"
#include "server/storage/schema.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kLargestManifest = 1 << 20;

absl::Status ErrorOf(const std::error_code& error, std::string_view what, const fs::path& path) {
  return DiskError(error.value(), StrCat(what, " ", path.string()));
}

// What does not count: the lock, and what a file system has in its uppermost folder.
bool IsNothing(const std::string& name) { return name == FolderLock::kFile || name == "lost+found"; }

bool IsWithin(const fs::path& file, const fs::path& folder) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(file, error);
  if (error) return false;
  const fs::path outer = fs::weakly_canonical(folder, error);
  if (error) return false;
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

absl::Status RemoveContents(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> doomed;
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::end(entry); entry.increment(error)) {
    // The mark goes last: without it, the rest would be taken for a data folder.
    if (const std::string name = entry->path().filename(); !IsNothing(name) && name != kRestoringFolder) {
      doomed.push_back(entry->path());
    }
  }
  doomed.push_back(folder / kRestoringFolder);
  for (const fs::path& path : doomed) {
    if (!error) fs::remove_all(path, error);
  }
  if (error) return ErrorOf(error, "cannot empty", folder);
  return absl::OkStatus();
}

// What an interrupted restore left goes; anything else is in the way.
absl::Status RequireEmpty(const fs::path& data_dir) {
  std::error_code error;
  if (fs::exists(data_dir / kRestoringFolder, error)) return RemoveContents(data_dir);
  for (auto entry = fs::directory_iterator(data_dir, error); !error && entry != fs::end(entry);
       entry.increment(error)) {
    if (IsNothing(entry->path().filename())) continue;
    return absl::FailedPreconditionError(StrCat(data_dir.string(), " is not empty (", entry->path().filename().string(),
                                                "): restore into a new or empty folder"));
  }
  if (error) return ErrorOf(error, "cannot list", data_dir);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadText(TarReader& tar, const TarEntry& entry, int64_t most) {
  if (entry.size > most) return absl::DataLossError(StrCat(entry.name, " of the archive is too large"));
  std::string text;
  absl::Status read = tar.Read([&](std::string_view bytes) {
    text.append(bytes);
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return text;
}

absl::StatusOr<Manifest> ReadManifest(TarReader& tar, const fs::path& file) {
  TarEntry entry;
  absl::StatusOr<bool> first = tar.Next(entry);
  if (!first.ok()) return first.status();
  if (!*first || entry.name != kManifestName) {
    return absl::DataLossError(StrCat(file.string(), " is no backup: it does not begin with ", kManifestName));
  }
  absl::StatusOr<std::string> text = ReadText(tar, entry, kLargestManifest);
  if (!text.ok()) return text.status();
  return ManifestFromJson(*text, static_cast<int64_t>(Migrations().size()));
}

absl::Status CheckRoom(const fs::path& folder, int64_t bytes) {
  std::error_code unknown;
  const fs::space_info space = fs::space(folder, unknown);
  if (unknown || space.available >= static_cast<uint64_t>(bytes) + kSparedBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(StrCat("the disk of ", folder.string(), " has ", space.available,
                                             " bytes free, and the backup needs ", bytes, " and ", kSparedBytes,
                                             " to work with: restore to a larger disk"));
}

// Unpacks the files behind the manifest, up to the checksums, which then must fit.
class Unpacking {
 public:
  Unpacking(const fs::path& file, const fs::path& to, const Manifest& manifest)
      : file_(file), to_(to), manifest_(manifest) {}

  absl::Status Run(TarReader& tar) {
    TarEntry entry;
    while (true) {
      absl::StatusOr<bool> next = tar.Next(entry);
      if (!next.ok()) return next.status();
      if (!*next) return Damaged("its end is missing");
      if (entry.name == kChecksumsName) break;
      if (absl::Status written = WriteFile(tar, entry); !written.ok()) return written;
    }
    absl::StatusOr<std::string> listed = ReadText(tar, entry, kLargestManifest + 512 * manifest_.files);
    if (!listed.ok()) return listed.status();
    if (*listed != checksums_) return Damaged(FirstDifference(*listed));
    if (files_ != manifest_.files || bytes_ != manifest_.files_bytes) return Damaged("files are missing");
    if (absl::StatusOr<bool> next = tar.Next(entry); !next.ok() || *next) {
      return next.ok() ? Damaged("it goes on behind its end") : next.status();
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Damaged(std::string_view why) const {
    return absl::DataLossError(StrCat(file_.string(), " is cut or damaged: ", why));
  }

  absl::Status WriteFile(TarReader& tar, const TarEntry& entry) {
    if (!IsArchivedName(entry.name)) {
      return absl::DataLossError(StrCat(file_.string(), " is no backup of ours: it has \"",
                                        absl::CHexEscape(entry.name.substr(0, 128)), "\""));
    }
    ++files_;
    bytes_ += entry.size;
    // Before it is written: no archive fills a disk that its manifest fits on.
    if (files_ > manifest_.files || bytes_ > manifest_.files_bytes)
      return Damaged("it has more than its manifest says");
    if (!names_.insert(entry.name).second) return Damaged(StrCat(entry.name, " comes twice"));
    const fs::path target = to_ / entry.name;
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    if (error) return ErrorOf(error, "cannot make", target.parent_path());
    absl::StatusOr<OutputFile> output = OutputFile::Create(target);
    if (!output.ok()) return output.status();
    Sha256 sha256;
    absl::Status written = tar.Read([&](std::string_view bytes) {
      sha256.Update(bytes);
      return output->Write(bytes);
    });
    if (!written.ok()) return written;
    absl::StrAppend(&checksums_, sha256.FinishHex(), "  ", entry.name, "\n");
    return output->Close();
  }

  // The name in the first line that is in both, but not the same.
  std::string FirstDifference(const std::string& listed) const {
    const auto [ours, theirs] = std::mismatch(checksums_.begin(), checksums_.end(), listed.begin(), listed.end());
    const size_t at = static_cast<size_t>(ours - checksums_.begin());
    const size_t start = at == 0 ? 0 : checksums_.rfind('\n', at - 1) + 1;
    const size_t space = checksums_.find("  ", start);
    if (space == std::string::npos) return "files are missing";
    return StrCat(checksums_.substr(space + 2, checksums_.find('\n', space) - space - 2), " has a wrong checksum");
  }

  const fs::path file_;
  const fs::path to_;
  const Manifest manifest_;
  std::set<std::string> names_;
  std::string checksums_;
  int64_t files_ = 0;
  int64_t bytes_ = 0;
};

// The store must open, and its rows are what the manifest says. A job that had a trainer learns what became of it.
absl::Status CheckStore(const fs::path& folder, const Manifest& manifest) {
  absl::StatusOr<std::unique_ptr<Database>> store = Database::Open(folder / "fintag.db");
  if (!store.ok()) return store.status();
  const std::pair<std::string_view, int64_t> counts[] = {
      {"datasets", manifest.datasets}, {"model_versions", manifest.model_versions}, {"jobs", manifest.jobs}};
  for (const auto& [table, count] : counts) {
    absl::StatusOr<std::vector<Row>> rows = (*store)->Query(StrCat("SELECT COUNT(*) FROM ", table));
    if (!rows.ok()) return rows.status();
    if (rows->at(0).Int(0) != count) {
      return absl::DataLossError(
          StrCat("the store in the archive has ", rows->at(0).Int(0), " ", table, ", its manifest says ", count));
    }
  }
  absl::StatusOr<std::vector<Row>> jobs =
      (*store)->Query("SELECT id FROM jobs WHERE state NOT IN ('QUEUED', 'CANCELLED', 'SUCCEEDED', 'FAILED')");
  if (!jobs.ok()) return jobs.status();
  for (const Row& row : *jobs) {
    if (absl::Status written = WriteWholeFile(folder / "jobs" / row.Text(0) / "restored", ""); !written.ok()) {
      return written;
    }
  }
  return absl::OkStatus();
}

// The store last: with it, all is there.
absl::Status MoveIntoDataFolder(const fs::path& from, const fs::path& data_dir) {
  if (absl::Status synced = SyncTree(from); !synced.ok()) return synced;
  std::error_code error;
  for (const char* name : {"datasets", "models", "jobs", "audit.log", "fintag.db-wal", "fintag.db"}) {
    if (!fs::exists(from / name, error)) continue;
    if (!error) fs::rename(from / name, data_dir / name, error);
    if (error) return ErrorOf(error, "cannot move into place", data_dir / name);
  }
  if (absl::Status synced = SyncFolder(data_dir); !synced.ok()) return synced;
  fs::remove_all(from, error);
  if (error) return ErrorOf(error, "cannot remove", from);
  return SyncFolder(data_dir);
}

}  // namespace

absl::StatusOr<Manifest> Restore(const fs::path& file, const fs::path& data_dir) {
  if (IsWithin(file, data_dir)) {
    // Emptied for another try, the folder would lose it.
    return absl::FailedPreconditionError(
        StrCat(file.string(), " lies in ", data_dir.string(), ", which is to be empty: move the backup out of it"));
  }
  absl::StatusOr<std::unique_ptr<TarReader>> tar = TarReader::Open(file);
  if (!tar.ok()) return tar.status();
  absl::StatusOr<Manifest> manifest = ReadManifest(**tar, file);
  if (!manifest.ok()) return manifest.status();

  std::error_code error;
  const bool made = !fs::exists(data_dir, error);
  FolderLock lock;
  if (absl::Status taken = lock.Take(data_dir); !taken.ok()) return taken;
  if (absl::Status empty = RequireEmpty(data_dir); !empty.ok()) return empty;
  absl::Cleanup cleaning = [&] {
    RemoveContents(data_dir).IgnoreError();
    std::error_code ignored;
    if (made) fs::remove_all(data_dir, ignored);
  };
  if (absl::Status room = CheckRoom(data_dir, manifest->files_bytes); !room.ok()) return room;
  const fs::path work = data_dir / kRestoringFolder;
  fs::create_directory(work, error);
  if (error) return ErrorOf(error, "cannot make", work);
  if (absl::Status unpacked = Unpacking(file, work, *manifest).Run(**tar); !unpacked.ok()) return unpacked;
  if (absl::Status good = CheckStore(work, *manifest); !good.ok()) return good;
  if (absl::Status moved = MoveIntoDataFolder(work, data_dir); !moved.ok()) return moved;
  std::move(cleaning).Cancel();
  return manifest;
}

std::string Describe(const Manifest& manifest) {
  const auto counted = [](int64_t count, std::string_view what) {
    return StrCat(count, " ", what, count == 1 ? "" : "s");
  };
  const std::string time =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(manifest.create_time_ms), absl::UTCTimeZone());
  return StrCat(counted(manifest.datasets, "dataset"), ", ", counted(manifest.model_versions, "model version"), " and ",
                counted(manifest.jobs, "job"), " as of ", time, " (fintagd ", manifest.program_version, ", ",
                manifest.files_bytes, " bytes)");
}

absl::Status CheckRestored(const fs::path& data_dir) {
  std::error_code ignored;
  if (!fs::exists(data_dir / kRestoringFolder, ignored)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat("a restore into ", data_dir.string(), " was interrupted: run fintagd --restore again"));
}

}  // namespace fintag::server
