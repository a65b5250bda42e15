// Backup: into a file beside the wanted one, renamed when it is whole.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/file_transfer.h"
#include "client/sha256.h"

namespace fintag::client {
namespace {

// A file that takes its name once it is whole and on the disk, and leaves nothing behind otherwise.
class FileOnArrival {
 public:
  explicit FileOnArrival(std::filesystem::path target)
      : target_(std::move(target)), part_(target_.string() + absl::StrCat(".part-", getpid())) {}
  ~FileOnArrival() {
    if (descriptor_ < 0) return;
    close(descriptor_);
    unlink(part_.c_str());
  }
  FileOnArrival(const FileOnArrival&) = delete;
  FileOnArrival& operator=(const FileOnArrival&) = delete;

  // Readable by its owner alone: all that the service knows is in it.
  absl::Status Open() {
    descriptor_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return descriptor_ < 0 ? FileError(part_, errno) : absl::OkStatus();
  }

  // Empty again, for another attempt.
  absl::Status Clear() {
    const bool cleared = ftruncate(descriptor_, 0) == 0 && lseek(descriptor_, 0, SEEK_SET) == 0;
    return cleared ? absl::OkStatus() : FileError(part_, errno);
  }

  absl::Status Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return FileError(part_, errno);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::Status Finish() {
    if (fsync(descriptor_) != 0 || rename(part_.c_str(), target_.c_str()) != 0) return FileError(target_, errno);
    close(std::exchange(descriptor_, -1));
    const int folder = open(target_.has_parent_path() ? target_.parent_path().c_str() : ".", O_RDONLY | O_DIRECTORY);
    if (folder < 0) return FileError(target_, errno);
    const bool synced = fsync(folder) == 0;
    const int error = errno;
    close(folder);
    return synced ? absl::OkStatus() : FileError(target_, error);
  }

 private:
  const std::filesystem::path target_;
  const std::filesystem::path part_;
  int descriptor_ = -1;
};

// To the end of the stream. An error is ours, and the stream may still be open.
absl::Status Receive(grpc::ClientReader<fintag::v1::BackupResponse>& reader, FileOnArrival& file,
                     const TransferProgress& progress, fintag::v1::BackupStart& start, fintag::v1::BackupEnd& end) {
  fintag::v1::BackupResponse message;
  if (!reader.Read(&message)) return absl::OkStatus();  // the stream's status says why
  if (!message.has_start()) return absl::DataLossError("the server's answer does not begin with `start`");
  start = message.start();
  Sha256 sha256;
  int64_t size = 0;
  while (reader.Read(&message)) {
    if (message.has_end()) {
      end = message.end();
      if (size != end.size_bytes() || sha256.Finish() != end.sha256()) {
        return absl::DataLossError("the backup arrived damaged: its checksum is wrong; make it again");
      }
      return absl::OkStatus();
    }
    const std::string& data = message.chunk().data();
    if (absl::Status status = file.Write(data); !status.ok()) return status;
    sha256.Update(data);
    size += static_cast<int64_t>(data.size());
    // The archive has some headers more.
    if (progress) progress(std::min(size, start.files_bytes()), start.files_bytes());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BackupFile> Client::Backup(const std::string& file, const TransferProgress& progress) {
  FileOnArrival arrival(file);
  if (absl::Status opened = arrival.Open(); !opened.ok()) return opened;
  BackupFile backup;
  fintag::v1::BackupEnd end;
  absl::Status status =
      connection_->Run(options().transfer_timeout, Repeat::kUnavailable, [&](grpc::ClientContext& context) {
        if (absl::Status cleared = arrival.Clear(); !cleared.ok()) return cleared;
        end.Clear();
        const auto reader = connection_->admin->Backup(&context, fintag::v1::BackupRequest());
        const absl::Status received = Receive(*reader, arrival, progress, backup.content, end);
        if (!received.ok()) context.TryCancel();
        const absl::Status finished = FromGrpc(reader->Finish());
        if (!received.ok()) return received;
        if (!finished.ok()) return finished;
        return end.sha256().empty() ? absl::DataLossError("the server's answer ended too early") : absl::OkStatus();
      });
  if (status.ok()) status = arrival.Finish();
  if (!status.ok()) return status;
  backup.size_bytes = end.size_bytes();
  backup.sha256 = end.sha256();
  return backup;
}

}  // namespace fintag::client
