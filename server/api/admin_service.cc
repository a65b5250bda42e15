#include "server/api/admin_service.h"

#include <memory>
#include <string>
#include <string_view>

#include "core/training/sha256.h"
#include "server/api/file_stream.h"
#include "server/api/messages.h"
#include "server/backup/staged_backup.h"

namespace fintag::server {
namespace {

fintag::v1::BackupResponse StartMessage(const Manifest& manifest) {
  fintag::v1::BackupResponse message;
  fintag::v1::BackupStart& start = *message.mutable_start();
  *start.mutable_create_time() = ToMessage(manifest.create_time_ms);
  start.set_program_version(manifest.program_version);
  start.set_schema_version(static_cast<int32_t>(manifest.schema_version));
  start.set_datasets(manifest.datasets);
  start.set_model_versions(manifest.model_versions);
  start.set_jobs(manifest.jobs);
  start.set_files(manifest.files);
  start.set_files_bytes(manifest.files_bytes);
  return message;
}

}  // namespace

absl::Status AdminService::Send(grpc::ServerWriter<fintag::v1::BackupResponse>& writer) {
  const std::unique_lock<std::mutex> one(one_, std::try_to_lock);
  if (!one.owns_lock()) {
    return absl::ResourceExhaustedError("another backup is being made: try again when it is done");
  }
  absl::StatusOr<std::unique_ptr<StagedBackup>> staged = StagedBackup::Create(database_, data_dir_);
  if (!staged.ok()) return staged.status();
  const absl::Status gone = absl::CancelledError("the caller went away");
  if (!writer.Write(StartMessage((*staged)->manifest()))) return gone;

  fintag::v1::BackupResponse message;
  Sha256 sha256;
  int64_t size = 0;
  absl::Status sent = (*staged)->Write(kLargestChunk, [&](std::string_view piece) -> absl::Status {
    if (environment_.stopping) return absl::UnavailableError("the server is stopping: make the backup again");
    sha256.Update(piece);
    size += static_cast<int64_t>(piece.size());
    message.mutable_chunk()->set_data(piece.data(), piece.size());
    return writer.Write(message) ? absl::OkStatus() : gone;
  });
  if (!sent.ok()) return sent;
  message.mutable_end()->set_size_bytes(size);
  message.mutable_end()->set_sha256(sha256.FinishHex());
  return writer.Write(message) ? absl::OkStatus() : gone;
}

grpc::Status AdminService::Backup(grpc::ServerContext* context, const fintag::v1::BackupRequest*,
                                  grpc::ServerWriter<fintag::v1::BackupResponse>* writer) {
  return RunCall(environment_, *context, std::string("fintag.v1.AdminService/Backup"), [&] { return Send(*writer); });
}

}  // namespace fintag::server
