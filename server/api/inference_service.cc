#include "server/api/inference_service.h"

#include <map>

#include "core/text/quoted.h"
#include "core/text/strings.h"
#include "core/version.h"
#include "server/api/inference_messages.h"
#include "server/api/model_descriptions.h"
#include "server/api/status_conversion.h"
#include "server/storage/resource_name.h"

namespace fintag::server {
namespace {

std::string Method(const char* name) { return std::string("inference.GRPCInferenceService/") + name; }

// The number in the parameter `version` of a request to load or unload, as text; empty where it is not there.
// Parameters but those in `ignored` are errors: they would ask for what is not done here.
template <typename Request>
absl::StatusOr<std::string> VersionParameter(const Request& request, std::string_view ignored) {
  std::string version;
  for (const auto& [name, value] : request.parameters()) {
    if (name == "version" && (value.has_int64_param() || value.has_string_param())) {
      version = value.has_int64_param() ? StrCat(value.int64_param()) : value.string_param();
    } else if (name == "version") {
      return BadField("parameters[version]", "must be a number: an int64_param, or a string_param of its digits");
    } else if (name != ignored) {
      return BadField("parameters", StrCat("has ", Quoted(name), ", which is not known: version is"));
    }
  }
  return version;
}

// The resource that a request to load or unload names. KServe's clients send the model's name in the field that is
// Triton's repository_name.
template <typename Request>
absl::StatusOr<std::string> RepositoryModelName(const Request& request, std::string_view ignored) {
  const bool is_kserve = request.model_name().empty();
  if (!is_kserve && !request.repository_name().empty()) {
    return BadField("repository_name", "must be empty: there is one repository");
  }
  absl::StatusOr<std::string> version = VersionParameter(request, ignored);
  if (!version.ok()) return version.status();
  return InferenceModelName(is_kserve ? request.repository_name() : request.model_name(), "model_name", *version,
                            "parameters[version]");
}

}  // namespace

absl::StatusOr<std::vector<ModelVersion>> InferenceService::Taggers(const std::string& name) const {
  absl::StatusOr<ModelVersion> newest = models_.Resolve(name, /*tagger=*/true);
  if (!newest.ok()) return newest.status();
  if (newest->name() == name) return std::vector<ModelVersion>{*std::move(newest)};
  absl::StatusOr<Model> model = models_.Get(newest->model);
  if (!model.ok()) return model.status();
  std::erase_if(model->versions, [](const ModelVersion& version) { return version.is_base(); });
  return std::move(model->versions);
}

absl::StatusOr<std::vector<Model>> InferenceService::AllModels() const {
  std::vector<Model> all;
  std::string next;
  do {
    absl::StatusOr<std::vector<Model>> page = models_.List({1000, next}, next);
    if (!page.ok()) return page.status();
    all.insert(all.end(), page->begin(), page->end());
  } while (!next.empty());
  return all;
}

absl::Status InferenceService::Infer(grpc::ServerContext& context, const Call& call,
                                     const inference::ModelInferRequest& request,
                                     inference::ModelInferResponse& response) const {
  absl::StatusOr<InferQuestion> question = ReadInferRequest(request, tagging_.limits().max_texts);
  if (!question.ok()) return question.status();
  TagQuestion asked{question->model, question->inputs, question->options, kTextTensor, call.caller, call.trace_id};
  if (question->timeout.has_value()) asked.deadline = std::chrono::system_clock::now() + *question->timeout;
  fintag::v1::TagResponse tagged;
  if (absl::Status status = tagging_.Tag(context, asked, tagged); !status.ok()) return status;
  response = MakeInferResponse(request, *question, tagged);
  return absl::OkStatus();
}

absl::Status InferenceService::Stream(
    grpc::ServerContext& context, Call& call,
    grpc::ServerReaderWriter<inference::ModelStreamInferResponse, inference::ModelInferRequest>& stream) const {
  call.counts_requests = true;
  inference::ModelInferRequest request;
  while (environment_.reads.Read(context, stream, request)) {
    inference::ModelStreamInferResponse answer;
    inference::ModelInferResponse& response = *answer.mutable_infer_response();
    const absl::Status status =
        RunStreamed(environment_, call, [&] { return Infer(context, call, request, response); });
    // The caller's own end is the stream's end; anything else concerns this request alone.
    if (context.IsCancelled()) break;
    if (absl::IsDeadlineExceeded(status) && context.deadline() <= std::chrono::system_clock::now()) return status;
    if (!status.ok()) {
      answer.set_error_message(ToGrpcStatus(status, Method("ModelStreamInfer")).error_message());
      response.set_model_name(request.model_name());
      response.set_id(request.id());
    }
    (*response.mutable_parameters())["triton_final_response"].set_bool_param(true);
    if (!stream.Write(answer)) return absl::CancelledError("the caller went away");
  }
  return StreamEnd(environment_, context);
}

grpc::Status InferenceService::ServerLive(grpc::ServerContext* context, const inference::ServerLiveRequest*,
                                          inference::ServerLiveResponse* response) {
  return RunCall(environment_, *context, Method("ServerLive"), [&] {
    response->set_live(true);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::ServerReady(grpc::ServerContext* context, const inference::ServerReadyRequest*,
                                           inference::ServerReadyResponse* response) {
  return RunCall(environment_, *context, Method("ServerReady"), [&] {
    response->set_ready(!environment_.stopping);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::ModelReady(grpc::ServerContext* context, const inference::ModelReadyRequest* request,
                                          inference::ModelReadyResponse* response) {
  return RunCall(environment_, *context, Method("ModelReady"), [&]() -> absl::Status {
    // A name that no model can have is that of no model, and that is no error here.
    if (!IsResourceId(request->name())) return absl::OkStatus();
    absl::StatusOr<std::string> name = InferenceModelName(request->name(), "name", request->version(), "version");
    if (!name.ok()) return name.status();
    const absl::StatusOr<ModelVersion> version = models_.Resolve(*name, /*tagger=*/true);
    response->set_ready(version.ok() && loaded_.Readiness(version->name()).ok());
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::ServerMetadata(grpc::ServerContext* context, const inference::ServerMetadataRequest*,
                                              inference::ServerMetadataResponse* response) {
  return RunCall(environment_, *context, Method("ServerMetadata"), [&] {
    response->set_name("fintag");
    response->set_version(kVersion);
    for (const char* extension : {"model_configuration", "model_repository", "parameters", "statistics"}) {
      response->add_extensions(extension);
    }
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::ModelMetadata(grpc::ServerContext* context,
                                             const inference::ModelMetadataRequest* request,
                                             inference::ModelMetadataResponse* response) {
  return RunCall(environment_, *context, Method("ModelMetadata"), [&]() -> absl::Status {
    absl::StatusOr<std::string> name = InferenceModelName(request->name(), "name", request->version(), "version");
    if (!name.ok()) return name.status();
    absl::StatusOr<std::vector<ModelVersion>> versions = Taggers(*name);
    if (!versions.ok()) return versions.status();
    *response = DescribeModel(*versions);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::ModelConfig(grpc::ServerContext* context, const inference::ModelConfigRequest* request,
                                           inference::ModelConfigResponse* response) {
  return RunCall(environment_, *context, Method("ModelConfig"), [&]() -> absl::Status {
    absl::StatusOr<std::string> name = InferenceModelName(request->name(), "name", request->version(), "version");
    if (!name.ok()) return name.status();
    absl::StatusOr<ModelVersion> version = models_.Resolve(*name, /*tagger=*/true);
    if (!version.ok()) return version.status();
    *response->mutable_config() = DescribeConfig(*version, tagging_.limits());
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::ModelInfer(grpc::ServerContext* context, const inference::ModelInferRequest* request,
                                          inference::ModelInferResponse* response) {
  return RunCall(environment_, *context, Method("ModelInfer"),
                 [&](const Call& call) { return Infer(*context, call, *request, *response); });
}

grpc::Status InferenceService::ModelStreamInfer(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<inference::ModelStreamInferResponse, inference::ModelInferRequest>* stream) {
  return RunCall(environment_, *context, Method("ModelStreamInfer"),
                 [&](Call& call) { return Stream(*context, call, *stream); });
}

grpc::Status InferenceService::RepositoryIndex(grpc::ServerContext* context,
                                               const inference::RepositoryIndexRequest* request,
                                               inference::RepositoryIndexResponse* response) {
  return RunCall(environment_, *context, Method("RepositoryIndex"), [&]() -> absl::Status {
    if (!request->repository_name().empty()) {
      return BadField("repository_name", "must be empty: there is one repository");
    }
    absl::StatusOr<std::vector<Model>> models = AllModels();
    if (!models.ok()) return models.status();
    for (const Model& model : *models) {
      for (const ModelVersion& version : model.versions) {
        const absl::Status readiness =
            version.is_base() ? absl::FailedPreconditionError("it is a base encoder: fine-tune it to get a tagger")
                              : loaded_.Readiness(version.name());
        if (readiness.ok() || !request->ready()) *response->add_models() = DescribeState(version, readiness);
      }
    }
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::RepositoryModelLoad(grpc::ServerContext* context,
                                                   const inference::RepositoryModelLoadRequest* request,
                                                   inference::RepositoryModelLoadResponse* response) {
  return RunCall(environment_, *context, Method("RepositoryModelLoad"), [&](Call& call) -> absl::Status {
    absl::StatusOr<std::string> name = RepositoryModelName(*request, "");
    if (!name.ok()) return name.status();
    call.resource = *name;
    absl::StatusOr<std::shared_ptr<const LoadedModel>> loaded =
        loaded_.Get(*name, context->deadline(), [&] { return context->IsCancelled(); });
    if (!loaded.ok()) return loaded.status();
    response->set_model_name((*loaded)->version.model);
    response->set_isloaded(true);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::RepositoryModelUnload(grpc::ServerContext* context,
                                                     const inference::RepositoryModelUnloadRequest* request,
                                                     inference::RepositoryModelUnloadResponse* response) {
  return RunCall(environment_, *context, Method("RepositoryModelUnload"), [&](Call& call) -> absl::Status {
    absl::StatusOr<std::string> name = RepositoryModelName(*request, "unload_dependents");
    if (!name.ok()) return name.status();
    call.resource = *name;
    absl::StatusOr<std::vector<ModelVersion>> versions = Taggers(*name);
    if (!versions.ok()) return versions.status();
    for (const ModelVersion& version : *versions) loaded_.Unload(version.name());
    response->set_model_name(versions->front().model);
    response->set_isunloaded(true);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::ModelStatistics(grpc::ServerContext* context,
                                               const inference::ModelStatisticsRequest* request,
                                               inference::ModelStatisticsResponse* response) {
  return RunCall(environment_, *context, Method("ModelStatistics"), [&]() -> absl::Status {
    std::map<std::string, std::shared_ptr<const LoadedModel>> loaded;
    for (const auto& model : loaded_.Snapshot()) loaded.emplace(model->version.name(), model);
    if (request->name().empty()) {
      if (!request->version().empty()) return BadField("version", "must be empty where there is no name");
      for (const auto& [name, model] : loaded) {
        *response->add_model_stats() = DescribeStatistics(model->version, model->statistics->figures());
      }
      return absl::OkStatus();
    }
    absl::StatusOr<std::string> name = InferenceModelName(request->name(), "name", request->version(), "version");
    if (!name.ok()) return name.status();
    absl::StatusOr<std::vector<ModelVersion>> versions = Taggers(*name);
    if (!versions.ok()) return versions.status();
    for (const ModelVersion& version : *versions) {
      const auto model = loaded.find(version.name());
      *response->add_model_stats() =
          DescribeStatistics(version, model == loaded.end() ? VersionFigures() : model->second->statistics->figures());
    }
    return absl::OkStatus();
  });
}

}  // namespace fintag::server
