#include "server/api/file_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>

#include "core/text/strings.h"
#include "core/training/sha256.h"
#include "server/api/status_conversion.h"
#include "server/storage/disk_error.h"

namespace fintag::server {
namespace {

using fintag::v1::FileDescription;

constexpr size_t kLongestName = 255;  // of a file, as file systems have it

absl::Status NoRoom(std::string_view what) { return absl::ResourceExhaustedError(StrCat(what, ": ", kMakeRoom)); }

// A file that is written once, from front to back.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path)
      : path_(path),
        descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)),
        open_error_(descriptor_ < 0 ? errno : 0) {}
  ~OutputFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Write(std::string_view bytes) {
    if (descriptor_ < 0) return Failure();
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Failure();
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() { return descriptor_ < 0 || fsync(descriptor_) != 0 ? Failure() : absl::OkStatus(); }

 private:
  absl::Status Failure() const {
    const int error = open_error_ != 0 ? open_error_ : errno;
    if (error == ENOSPC || error == EDQUOT) return NoRoom("the server's disk is full");
    return DiskError(error, StrCat("cannot write ", path_.filename().string()));
  }

  const std::filesystem::path path_;
  const int descriptor_;
  const int open_error_;
};

bool IsPlainName(const std::string& name) {
  return !name.empty() && name.size() <= kLongestName && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
                  c == '-';
         });
}

bool IsSha256(const std::string& text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

absl::Status CheckFileDescriptions(const std::vector<FileDescription>& descriptions,
                                   const std::vector<std::string>& fields, int64_t max_bytes, bool plain_names) {
  std::vector<FieldError> errors;
  std::set<std::string> names;
  int64_t room = max_bytes;
  for (size_t i = 0; i < descriptions.size(); ++i) {
    const FileDescription& file = descriptions[i];
    const std::string& at = fields[i];
    if (!IsSha256(file.sha256())) errors.push_back({at + ".sha256", "must be 64 lower-case hexadecimal digits"});
    if (file.size_bytes() < 0 || file.size_bytes() > max_bytes) {
      errors.push_back({at + ".size_bytes", StrCat("must be 0 to ", max_bytes, ", is ", file.size_bytes())});
    } else if (room < file.size_bytes()) {
      errors.push_back({at + ".size_bytes", StrCat("all files together must be ", max_bytes, " bytes at most")});
    } else {
      room -= file.size_bytes();
    }
    if (plain_names && !IsPlainName(file.file_name())) {
      errors.push_back({at + ".file_name", "must be a plain file name of letters, digits, '.', '_' and '-'"});
    } else if (plain_names && !names.insert(file.file_name()).second) {
      errors.push_back({at + ".file_name", StrCat("\"", file.file_name(), "\" comes twice")});
    } else if (file.file_name().size() > kLongestName) {
      errors.push_back({at + ".file_name", StrCat("must be ", kLongestName, " bytes at most")});
    }
  }
  return errors.empty() ? absl::OkStatus() : BadRequest(errors);
}

absl::Status ReceiveFiles(const std::vector<FileDescription>& descriptions, const std::vector<std::string>& fields,
                          const std::filesystem::path& folder, bool plain_names, UploadRoom::Claim& claim,
                          const std::function<const std::string*()>& next_chunk) {
  if (absl::Status room = claim.Check(); !room.ok()) return room;
  std::string rest;  // of a chunk that ended one file and began the next
  for (size_t i = 0; i < descriptions.size(); ++i) {
    const FileDescription& file = descriptions[i];
    OutputFile output(folder / (plain_names ? file.file_name() : std::to_string(i)));
    Sha256 sha256;
    int64_t missing = file.size_bytes();
    while (missing > 0) {
      if (rest.empty()) {
        if (absl::Status room = claim.Check(); !room.ok()) return room;
        const std::string* chunk = next_chunk();
        if (chunk == nullptr) {
          return BadField(fields[i] + ".size_bytes",
                          StrCat("the stream ended ", missing, " bytes before the end of \"", file.file_name(), "\""));
        }
        if (static_cast<int64_t>(chunk->size()) > kLargestChunk) {
          return BadField("chunk.data", StrCat("must be ", kLargestChunk, " bytes at most, is ", chunk->size()));
        }
        rest = *chunk;
        continue;
      }
      const size_t taken = std::min(rest.size(), static_cast<size_t>(missing));
      const std::string_view piece = std::string_view(rest).substr(0, taken);
      if (absl::Status status = output.Write(piece); !status.ok()) return status;
      sha256.Update(piece);
      missing -= static_cast<int64_t>(taken);
      claim.Took(static_cast<int64_t>(taken));
      rest.erase(0, taken);
    }
    if (absl::Status status = output.Sync(); !status.ok()) return status;
    if (const std::string found = sha256.FinishHex(); found != file.sha256()) {
      return BadField(fields[i] + ".sha256", StrCat("\"", file.file_name(), "\" arrived with SHA-256 ", found, ", not ",
                                                    file.sha256(), ": send it again"));
    }
  }
  while (rest.empty()) {
    const std::string* chunk = next_chunk();
    if (chunk == nullptr) return absl::OkStatus();
    rest = *chunk;
  }
  return BadField(fields.back() + ".size_bytes", "the stream goes on behind the last file");
}

int64_t TotalBytes(const std::vector<FileDescription>& descriptions) {
  int64_t bytes = 0;
  for (const FileDescription& file : descriptions) bytes += file.size_bytes();
  return bytes;
}

absl::StatusOr<std::vector<FileDescription>> DescribeFiles(const std::filesystem::path& folder) {
  std::vector<FileDescription> files;
  std::error_code error;
  for (auto at = std::filesystem::directory_iterator(folder, error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::filesystem::directory_entry& entry = *at;
    const bool regular = entry.is_regular_file(error);
    if (error) break;
    if (!regular) continue;
    absl::StatusOr<std::string> sha256 = Sha256HexOfFile(entry.path());
    if (!sha256.ok()) return sha256.status();
    FileDescription file;
    file.set_file_name(entry.path().filename().string());
    file.set_size_bytes(static_cast<int64_t>(entry.file_size(error)));
    if (error) break;
    file.set_sha256(*sha256);
    files.push_back(std::move(file));
  }
  if (error) return absl::NotFoundError("the version's files are gone: it was deleted meanwhile");
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.file_name() < b.file_name(); });
  return files;
}

absl::Status SendFiles(const std::vector<FileDescription>& descriptions, const std::filesystem::path& folder,
                       const std::function<bool(std::string chunk)>& send) {
  for (const FileDescription& file : descriptions) {
    std::ifstream input(folder / file.file_name(), std::ios::binary);
    int64_t missing = file.size_bytes();
    while (missing > 0) {
      std::string chunk(static_cast<size_t>(std::min(missing, kLargestChunk)), '\0');
      if (!input.read(chunk.data(), static_cast<std::streamsize>(chunk.size()))) {
        return absl::NotFoundError(StrCat("\"", file.file_name(), "\" is gone: the version was deleted meanwhile"));
      }
      missing -= static_cast<int64_t>(chunk.size());
      if (!send(std::move(chunk))) return absl::CancelledError("the caller went away");
    }
  }
  return absl::OkStatus();
}

}  // namespace fintag::server
