#include "server/api/dataset_service.h"

#include "server/api/file_stream.h"
#include "server/api/folder_guard.h"
#include "server/api/messages.h"
#include "server/api/resource_name.h"
#include "server/api/status_conversion.h"

namespace fintag::server {
namespace {

constexpr int kMostErrors = 100;
constexpr size_t kLargestDetails = size_t{256} * 1024;

std::string Method(const char* name) { return std::string("fintag.v1.DatasetService/") + name; }

}  // namespace

absl::Status DatasetService::Upload(Call& call, grpc::ServerReader<fintag::v1::UploadDatasetRequest>& reader,
                                    fintag::v1::Dataset& response) {
  fintag::v1::UploadDatasetRequest message;
  if (!reader.Read(&message) || !message.has_start()) {
    return BadField("start", "the first message of the stream must be `start`");
  }
  const fintag::v1::UploadDatasetStart start = message.start();
  if (absl::Status status = CheckId(start.dataset_id(), "dataset_id"); !status.ok()) return status;
  call.resource = "datasets/" + start.dataset_id();
  if (!start.has_train()) return BadField("train", "must be given");
  if (start.max_errors() < 0 || start.max_errors() > kMostErrors) return BadField("max_errors", "must be 0 to 100");
  std::vector<fintag::v1::FileDescription> files = {start.train()};
  std::vector<std::string> fields = {"train"};
  if (start.has_validation()) {
    files.push_back(start.validation());
    fields.push_back("validation");
  }
  if (absl::Status status = CheckFileDescriptions(files, fields, max_bytes_, /*plain_names=*/false); !status.ok()) {
    return status;
  }

  // A repeated one stores nothing: it is not asked for room.
  const absl::StatusOr<Dataset> stored = datasets_.Get(start.dataset_id());
  if (stored.ok() && stored->train.sha256 == start.train().sha256() &&
      stored->validation.has_value() == start.has_validation() &&
      (!start.has_validation() || stored->validation->sha256 == start.validation().sha256())) {
    response = ToMessage(*stored);
    return absl::OkStatus();
  }
  absl::StatusOr<std::filesystem::path> folder = datasets_.MakeIncomingFolder();
  if (!folder.ok()) return folder.status();
  const FolderGuard guard(*folder);
  // It is stored as parsed too: of a CoNLL file of single characters that is twice the file.
  UploadRoom::Claim claim(room_, call.caller, *folder, TotalBytes(files), 2 * TotalBytes(files));
  absl::Status received =
      ReceiveFiles(files, fields, *folder, /*plain_names=*/false, claim, [&]() -> const std::string* {
        if (!reader.Read(&message)) return nullptr;
        return &message.chunk().data();
      });
  if (!received.ok()) return received;

  const auto file = [&](size_t i) {
    return ReceivedFile{files[i].file_name(), files[i].sha256(), *folder / std::to_string(i)};
  };
  std::optional<ReceivedFile> validation;
  if (files.size() > 1) validation = file(1);
  std::vector<DatasetLineError> line_errors;
  absl::StatusOr<Dataset> dataset = datasets_.Add(start.dataset_id(), call.caller, file(0), validation, line_errors);
  if (!dataset.ok()) {
    if (line_errors.empty()) return dataset.status();
    std::vector<FieldError> errors;
    for (const DatasetLineError& error : line_errors) errors.push_back({error.field, error.reason});
    if (start.max_errors() == 0) return BadRequest(errors);
    return BadRequest(errors, kLargestDetails, static_cast<size_t>(start.max_errors()));
  }
  response = ToMessage(*dataset);
  return absl::OkStatus();
}

grpc::Status DatasetService::UploadDataset(grpc::ServerContext* context,
                                           grpc::ServerReader<fintag::v1::UploadDatasetRequest>* reader,
                                           fintag::v1::Dataset* response) {
  return RunCall(environment_, *context, Method("UploadDataset"),
                 [&](Call& call) { return Upload(call, *reader, *response); });
}

grpc::Status DatasetService::GetDataset(grpc::ServerContext* context, const fintag::v1::GetDatasetRequest* request,
                                        fintag::v1::Dataset* response) {
  return RunCall(environment_, *context, Method("GetDataset"), [&]() -> absl::Status {
    absl::StatusOr<std::string> id = ParseName(request->name(), "datasets", "name");
    if (!id.ok()) return id.status();
    absl::StatusOr<Dataset> dataset = datasets_.Get(*id);
    if (!dataset.ok()) return dataset.status();
    *response = ToMessage(*dataset);
    return absl::OkStatus();
  });
}

grpc::Status DatasetService::ListDatasets(grpc::ServerContext* context, const fintag::v1::ListDatasetsRequest* request,
                                          fintag::v1::ListDatasetsResponse* response) {
  return RunCall(environment_, *context, Method("ListDatasets"), [&]() -> absl::Status {
    absl::StatusOr<int32_t> page_size = CheckPageSize(request->page_size());
    if (!page_size.ok()) return page_size.status();
    absl::StatusOr<std::vector<Dataset>> datasets =
        datasets_.List({*page_size, request->page_token()}, *response->mutable_next_page_token());
    if (!datasets.ok()) return AboutField(datasets.status(), "page_token");
    for (const Dataset& dataset : *datasets) *response->add_datasets() = ToMessage(dataset);
    return absl::OkStatus();
  });
}

grpc::Status DatasetService::DeleteDataset(grpc::ServerContext* context,
                                           const fintag::v1::DeleteDatasetRequest* request,
                                           fintag::v1::DeleteDatasetResponse*) {
  return RunCall(environment_, *context, {Method("DeleteDataset"), request->name()}, [&]() -> absl::Status {
    absl::StatusOr<std::string> id = ParseName(request->name(), "datasets", "name");
    if (!id.ok()) return id.status();
    return datasets_.Delete(*id);
  });
}

}  // namespace fintag::server
