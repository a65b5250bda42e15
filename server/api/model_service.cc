#include "server/api/model_service.h"

#include "core/text/strings.h"
#include "server/api/file_stream.h"
#include "server/api/folder_guard.h"
#include "server/api/messages.h"
#include "server/api/resource_name.h"
#include "server/api/status_conversion.h"
#include "server/models/published_version.h"
#include "server/serving/checked_load.h"
#include "server/storage/resource_name.h"

namespace fintag::server {
namespace {

constexpr int kMostFiles = 64;
constexpr size_t kLongestRequestId = 128;

std::string Method(const char* name) { return std::string("fintag.v1.ModelService/") + name; }

// The files of a version whose weights are whole.
absl::StatusOr<std::vector<fintag::v1::FileDescription>> DescribeVersion(const ModelVersion& version,
                                                                         const std::filesystem::path& folder) {
  if (absl::Status whole = CheckWeights(version, folder); !whole.ok()) return whole;
  return DescribeFiles(folder);
}

}  // namespace

fintag::v1::ModelVersion ModelService::VersionMessage(const ModelVersion& version) const {
  fintag::v1::ModelVersion message = ToMessage(version);
  message.set_loaded(loaded_.IsLoaded(version.name()));
  if (const std::optional<PrecisionChoice> choice = loaded_.ChosenPrecision(version)) {
    *message.mutable_precision() = ToMessage(*choice);
  }
  return message;
}

fintag::v1::Model ModelService::ModelMessage(const Model& model) const {
  fintag::v1::Model message;
  message.set_name("models/" + model.id);
  *message.mutable_create_time() = ToMessage(model.create_time_ms);
  for (const ModelVersion& version : model.versions) *message.add_versions() = VersionMessage(version);
  return message;
}

absl::Status ModelService::Import(Call& call, grpc::ServerReader<fintag::v1::ImportModelRequest>& reader,
                                  fintag::v1::ModelVersion& response) {
  fintag::v1::ImportModelRequest message;
  if (!reader.Read(&message) || !message.has_start()) {
    return BadField("start", "the first message of the stream must be `start`");
  }
  const fintag::v1::ImportModelStart start = message.start();
  if (absl::Status status = CheckId(start.model_id(), "model_id"); !status.ok()) return status;
  call.resource = "models/" + start.model_id();
  if (start.request_id().size() > kLongestRequestId) return BadField("request_id", "must be 128 characters at most");
  if (start.files_size() == 0 || start.files_size() > kMostFiles) {
    return BadField("files", "must be 1 to 64 files: config.json, model.safetensors, vocab.txt and so on");
  }
  const std::vector<fintag::v1::FileDescription> files(start.files().begin(), start.files().end());
  std::vector<std::string> fields;
  for (size_t i = 0; i < files.size(); ++i) fields.push_back(StrCat("files[", i, "]"));
  if (absl::Status status = CheckFileDescriptions(files, fields, max_bytes_, /*plain_names=*/true); !status.ok()) {
    return status;
  }

  // A repeated one stores nothing: it is not asked for room.
  if (absl::StatusOr<ModelVersion> added = models_.FindAdded(start.model_id(), start.request_id()); added.ok()) {
    call.resource = added->name();
    response = VersionMessage(*added);
    return absl::OkStatus();
  }
  absl::StatusOr<std::filesystem::path> folder = models_.MakeIncomingFolder();
  if (!folder.ok()) return folder.status();
  const FolderGuard guard(*folder);
  UploadRoom::Claim claim(room_, call.caller, *folder, TotalBytes(files));
  absl::Status received =
      ReceiveFiles(files, fields, *folder, /*plain_names=*/true, claim, [&]() -> const std::string* {
        if (!reader.Read(&message)) return nullptr;
        return &message.chunk().data();
      });
  if (!received.ok()) return received;

  ModelOrigin origin;
  origin.owner = call.caller;
  absl::StatusOr<ModelVersion> version = models_.Add(start.model_id(), *folder, origin, start.request_id());
  if (!version.ok()) return AboutField(version.status(), "files");
  call.resource = version->name();
  response = VersionMessage(*version);
  return absl::OkStatus();
}

absl::Status ModelService::Export(const std::string& name,
                                  grpc::ServerWriter<fintag::v1::ExportModelResponse>& writer) {
  if (absl::Status status = CheckModelName(name, "name"); !status.ok()) return status;
  absl::StatusOr<ModelVersion> version = models_.Resolve(name, /*tagger=*/false);
  if (!version.ok()) return version.status();
  const std::filesystem::path folder = models_.Folder(*version);
  absl::StatusOr<std::vector<fintag::v1::FileDescription>> files = DescribeVersion(*version, folder);
  if (!files.ok()) {
    // One that met a deletion failed for that, not for damage.
    absl::Status there = models_.CheckStillThere(*version);
    return absl::IsNotFound(there) ? there : files.status();
  }

  fintag::v1::ExportModelResponse message;
  message.mutable_start()->set_name(version->name());
  std::erase_if(*files, [](const fintag::v1::FileDescription& file) {
    return file.file_name() == kPrecisionFile || file.file_name() == kPublishedFile;
  });
  for (const auto& file : *files) *message.mutable_start()->add_files() = file;
  if (!writer.Write(message)) return absl::CancelledError("the caller went away");
  return SendFiles(*files, folder, [&](std::string chunk) {
    fintag::v1::ExportModelResponse piece;
    piece.mutable_chunk()->set_data(std::move(chunk));
    return writer.Write(piece);
  });
}

grpc::Status ModelService::ImportModel(grpc::ServerContext* context,
                                       grpc::ServerReader<fintag::v1::ImportModelRequest>* reader,
                                       fintag::v1::ModelVersion* response) {
  return RunCall(environment_, *context, Method("ImportModel"),
                 [&](Call& call) { return Import(call, *reader, *response); });
}

grpc::Status ModelService::ExportModel(grpc::ServerContext* context, const fintag::v1::ExportModelRequest* request,
                                       grpc::ServerWriter<fintag::v1::ExportModelResponse>* writer) {
  return RunCall(environment_, *context, Method("ExportModel"), [&] { return Export(request->name(), *writer); });
}

grpc::Status ModelService::GetModel(grpc::ServerContext* context, const fintag::v1::GetModelRequest* request,
                                    fintag::v1::Model* response) {
  return RunCall(environment_, *context, Method("GetModel"), [&]() -> absl::Status {
    absl::StatusOr<std::string> id = ParseName(request->name(), "models", "name");
    if (!id.ok()) return id.status();
    absl::StatusOr<Model> model = models_.Get(*id);
    if (!model.ok()) return model.status();
    *response = ModelMessage(*model);
    return absl::OkStatus();
  });
}

grpc::Status ModelService::ListModels(grpc::ServerContext* context, const fintag::v1::ListModelsRequest* request,
                                      fintag::v1::ListModelsResponse* response) {
  return RunCall(environment_, *context, Method("ListModels"), [&]() -> absl::Status {
    absl::StatusOr<int32_t> page_size = CheckPageSize(request->page_size());
    if (!page_size.ok()) return page_size.status();
    absl::StatusOr<std::vector<Model>> models =
        models_.List({*page_size, request->page_token()}, *response->mutable_next_page_token());
    if (!models.ok()) return AboutField(models.status(), "page_token");
    for (const Model& model : *models) *response->add_models() = ModelMessage(model);
    return absl::OkStatus();
  });
}

grpc::Status ModelService::DeleteModel(grpc::ServerContext* context, const fintag::v1::DeleteModelRequest* request,
                                       fintag::v1::DeleteModelResponse*) {
  return RunCall(environment_, *context, {Method("DeleteModel"), request->name()}, [&]() -> absl::Status {
    if (absl::Status status = CheckModelName(request->name(), "name"); !status.ok()) return status;
    if (absl::Status status = models_.Delete(request->name()); !status.ok()) return status;
    loaded_.Forget(request->name());
    if (absl::StatusOr<ModelName> deleted = ParseModelName(request->name()); deleted.ok()) {
      environment_.metrics.ForgetModel({deleted->id, deleted->version ? StrCat(*deleted->version) : ""});
    }
    return absl::OkStatus();
  });
}

}  // namespace fintag::server
