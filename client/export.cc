// ExportModel: into a folder beside the wanted one, renamed when it is whole.
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/file_transfer.h"
#include "client/utf8.h"

namespace fintag::client {
namespace {

// Takes the folder away unless it was renamed.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  // An empty folder again, for another attempt.
  absl::Status Clear() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    if (!error) std::filesystem::create_directories(path_, error);
    return error ? FileError(path_, error.value()) : absl::OkStatus();
  }
  absl::Status RenameTo(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::rename(path_, path, error);
    if (error) return FileError(path, error.value());
    path_.clear();
    return absl::OkStatus();
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

absl::Status CheckTarget(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(folder, error);
  if (!std::filesystem::exists(status)) return absl::OkStatus();
  if (!std::filesystem::is_directory(status)) return absl::AlreadyExistsError(folder.string() + " is not a folder");
  const bool empty = std::filesystem::is_empty(folder, error);
  if (error) return FileError(folder, error.value());
  if (!empty) return absl::AlreadyExistsError(folder.string() + " is not empty: name a new or an empty folder");
  return absl::OkStatus();
}

// To the end of the stream. An error is ours, and the stream may still be open.
absl::Status Receive(grpc::ClientReader<fintag::v1::ExportModelResponse>& reader, const std::filesystem::path& folder,
                     const TransferProgress& progress, ExportedModel& exported,
                     std::unique_ptr<FileReceiver>& receiver) {
  fintag::v1::ExportModelResponse message;
  if (!reader.Read(&message)) return absl::OkStatus();  // the stream's status says why
  if (!message.has_start()) return absl::DataLossError("the server's answer does not begin with `start`");
  exported = ExportedModel();
  exported.name = message.start().name();
  const std::vector<fintag::v1::FileDescription> files(message.start().files().begin(), message.start().files().end());
  for (const auto& file : files) {
    exported.files.push_back(file.file_name());
    exported.size_bytes += file.size_bytes();
  }
  absl::StatusOr<std::unique_ptr<FileReceiver>> created = FileReceiver::Create(folder, files);
  if (!created.ok()) return created.status();
  receiver = *std::move(created);
  TransferMeter meter(progress, exported.size_bytes);
  while (reader.Read(&message)) {
    if (absl::Status status = receiver->Write(message.chunk().data()); !status.ok()) return status;
    meter.Add(message.chunk().data().size());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ExportedModel> Client::ExportModel(const std::string& model, const std::string& folder,
                                                  const TransferProgress& progress) {
  if (FindInvalidUtf8(model).has_value()) return absl::InvalidArgumentError("the model's name is not UTF-8");
  if (absl::Status status = CheckTarget(folder); !status.ok()) return status;
  // Without a slash at the end, which would put the temporary folder inside.
  std::filesystem::path target = std::filesystem::absolute(folder).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  TemporaryFolder part(target.string() + absl::StrCat(".part-", getpid()));

  fintag::v1::ExportModelRequest request;
  request.set_name(FullName("models", model));
  ExportedModel exported;
  absl::Status status =
      connection_->Run(options().transfer_timeout, Repeat::kUnavailable, [&](grpc::ClientContext& context) {
        if (absl::Status cleared = part.Clear(); !cleared.ok()) return cleared;
        const auto reader = connection_->models->ExportModel(&context, request);
        std::unique_ptr<FileReceiver> receiver;
        const absl::Status received = Receive(*reader, part.path(), progress, exported, receiver);
        if (!received.ok()) context.TryCancel();
        const absl::Status finished = FromGrpc(reader->Finish());
        if (!received.ok()) return received;
        if (!finished.ok()) return finished;
        return receiver == nullptr ? absl::DataLossError("the server sent no files") : receiver->Finish();
      });
  if (!status.ok()) return status;
  if (status = part.RenameTo(target); !status.ok()) return status;
  return exported;
}

}  // namespace fintag::client
