// inference.GRPCInferenceService: the Open Inference Protocol, for stock clients.
#pragma once

#include <inference/service.grpc.pb.h>

#include <string>
#include <vector>

#include "server/api/call.h"
#include "server/api/tagging.h"
#include "server/models/model_registry.h"
#include "server/serving/loaded_models.h"

namespace fintag::server {

class InferenceService final : public inference::GRPCInferenceService::Service {
 public:
  InferenceService(const CallEnvironment& environment, ModelRegistry& models, LoadedModels& loaded,
                   const TaggingLimits& limits)
      : environment_(environment), models_(models), loaded_(loaded), tagging_(environment, loaded, limits) {}

  grpc::Status ServerLive(grpc::ServerContext* context, const inference::ServerLiveRequest* request,
                          inference::ServerLiveResponse* response) override;
  grpc::Status ServerReady(grpc::ServerContext* context, const inference::ServerReadyRequest* request,
                           inference::ServerReadyResponse* response) override;
  grpc::Status ModelReady(grpc::ServerContext* context, const inference::ModelReadyRequest* request,
                          inference::ModelReadyResponse* response) override;
  grpc::Status ServerMetadata(grpc::ServerContext* context, const inference::ServerMetadataRequest* request,
                              inference::ServerMetadataResponse* response) override;
  grpc::Status ModelMetadata(grpc::ServerContext* context, const inference::ModelMetadataRequest* request,
                             inference::ModelMetadataResponse* response) override;
  grpc::Status ModelConfig(grpc::ServerContext* context, const inference::ModelConfigRequest* request,
                           inference::ModelConfigResponse* response) override;
  grpc::Status ModelInfer(grpc::ServerContext* context, const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override;
  grpc::Status ModelStreamInfer(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<inference::ModelStreamInferResponse, inference::ModelInferRequest>* stream) override;
  grpc::Status RepositoryIndex(grpc::ServerContext* context, const inference::RepositoryIndexRequest* request,
                               inference::RepositoryIndexResponse* response) override;
  grpc::Status RepositoryModelLoad(grpc::ServerContext* context, const inference::RepositoryModelLoadRequest* request,
                                   inference::RepositoryModelLoadResponse* response) override;
  grpc::Status RepositoryModelUnload(grpc::ServerContext* context,
                                     const inference::RepositoryModelUnloadRequest* request,
                                     inference::RepositoryModelUnloadResponse* response) override;
  grpc::Status ModelStatistics(grpc::ServerContext* context, const inference::ModelStatisticsRequest* request,
                               inference::ModelStatisticsResponse* response) override;

 private:
  absl::Status Infer(grpc::ServerContext& context, const Call& call, const inference::ModelInferRequest& request,
                     inference::ModelInferResponse& response) const;
  absl::Status Stream(
      grpc::ServerContext& context, Call& call,
      grpc::ServerReaderWriter<inference::ModelStreamInferResponse, inference::ModelInferRequest>& stream) const;
  // The versions that `name` ("models/{id}" or one version) means and that can tag, newest first; at least one.
  absl::StatusOr<std::vector<ModelVersion>> Taggers(const std::string& name) const;
  absl::StatusOr<std::vector<Model>> AllModels() const;

  const CallEnvironment environment_;
  ModelRegistry& models_;
  LoadedModels& loaded_;
  const Tagging tagging_;
};

}  // namespace fintag::server
