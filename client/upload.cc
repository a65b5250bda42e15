// UploadDataset and ImportModel: a stream that starts with what follows, then the files in chunks.
#include <filesystem>
#include <vector>

#include "client/checkpoint_files.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/file_transfer.h"
#include "client/request_id.h"
#include "client/utf8.h"

namespace fintag::client {
namespace {

struct File {
  std::filesystem::path path;
  fintag::v1::FileDescription description;
};

// Sends `start`, then the files. Where the server ends the stream early its status is the answer.
template <typename Request>
absl::Status SendStream(grpc::ClientWriter<Request>& writer, const Request& start, const std::vector<File>& files,
                        const TransferProgress& progress, grpc::ClientContext& context) {
  int64_t total = 0;
  for (const File& file : files) total += file.description.size_bytes();
  TransferMeter meter(progress, total);
  bool open = writer.Write(start);
  for (size_t i = 0; open && i < files.size(); ++i) {
    absl::StatusOr<bool> sent = SendFile(files[i].path, files[i].description, meter, [&](std::string chunk) {
      Request piece;
      piece.mutable_chunk()->set_data(std::move(chunk));
      return writer.Write(piece);
    });
    if (!sent.ok()) {
      context.TryCancel();
      writer.Finish().ok();
      return sent.status();
    }
    open = *sent;
  }
  if (open) writer.WritesDone();
  return FromGrpc(writer.Finish());
}

}  // namespace

absl::StatusOr<fintag::v1::Dataset> Client::UploadDataset(const std::string& dataset, const DatasetFiles& files,
                                                          const TransferProgress& progress) {
  if (FindInvalidUtf8(dataset).has_value()) return absl::InvalidArgumentError("the dataset's name is not UTF-8");
  fintag::v1::UploadDatasetRequest start;
  start.mutable_start()->set_dataset_id(IdOf("datasets", dataset));
  start.mutable_start()->set_max_errors(kMostDatasetErrors);
  std::vector<File> parts;
  absl::StatusOr<fintag::v1::FileDescription> train = DescribeFile(files.train);
  if (!train.ok()) return train.status();
  *start.mutable_start()->mutable_train() = *train;
  parts.push_back({files.train, *train});
  if (files.validation.has_value()) {
    absl::StatusOr<fintag::v1::FileDescription> validation = DescribeFile(*files.validation);
    if (!validation.ok()) return validation.status();
    *start.mutable_start()->mutable_validation() = *validation;
    parts.push_back({*files.validation, *validation});
  }
  fintag::v1::Dataset response;
  absl::Status status =
      connection_->Run(options().transfer_timeout, Repeat::kUnavailable, [&](grpc::ClientContext& context) {
        const auto writer = connection_->datasets->UploadDataset(&context, &response);
        return SendStream(*writer, start, parts, progress, context);
      });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<ImportedModel> Client::ImportModel(const std::string& model, const std::string& folder,
                                                  const TransferProgress& progress) {
  if (FindInvalidUtf8(model).has_value()) return absl::InvalidArgumentError("the model's name is not UTF-8");
  absl::StatusOr<CheckpointFiles> found = FindCheckpointFiles(folder);
  if (!found.ok()) return found.status();
  ImportedModel imported;
  imported.sent = found->sent;
  imported.left_out = found->left_out;

  fintag::v1::ImportModelRequest start;
  start.mutable_start()->set_model_id(IdOf("models", model));
  start.mutable_start()->set_request_id(NewRequestId());
  std::vector<File> files;
  for (const std::string& name : found->sent) {
    const std::filesystem::path path = std::filesystem::path(folder) / name;
    absl::StatusOr<fintag::v1::FileDescription> description = DescribeFile(path);
    if (!description.ok()) return description.status();
    *start.mutable_start()->add_files() = *description;
    files.push_back({path, *description});
  }
  absl::Status status =
      connection_->Run(options().transfer_timeout, Repeat::kUnavailable, [&](grpc::ClientContext& context) {
        const auto writer = connection_->models->ImportModel(&context, &imported.version);
        return SendStream(*writer, start, files, progress, context);
      });
  if (!status.ok()) return status;
  return imported;
}

}  // namespace fintag::client
