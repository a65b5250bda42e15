// fintag.v1.ModelService.
#pragma once

#include <fintag/v1/model.grpc.pb.h>

#include "server/api/call.h"
#include "server/api/upload_room.h"
#include "server/models/model_registry.h"
#include "server/serving/loaded_models.h"

namespace fintag::server {

class ModelService : public fintag::v1::ModelService::Service {
 public:
  // An import's files may have `max_bytes` together.
  ModelService(const CallEnvironment& environment, ModelRegistry& models, LoadedModels& loaded, UploadRoom& room,
               int64_t max_bytes)
      : environment_(environment), models_(models), loaded_(loaded), room_(room), max_bytes_(max_bytes) {}

  grpc::Status ImportModel(grpc::ServerContext* context, grpc::ServerReader<fintag::v1::ImportModelRequest>* reader,
                           fintag::v1::ModelVersion* response) override;
  grpc::Status ExportModel(grpc::ServerContext* context, const fintag::v1::ExportModelRequest* request,
                           grpc::ServerWriter<fintag::v1::ExportModelResponse>* writer) override;
  grpc::Status GetModel(grpc::ServerContext* context, const fintag::v1::GetModelRequest* request,
                        fintag::v1::Model* response) override;
  grpc::Status ListModels(grpc::ServerContext* context, const fintag::v1::ListModelsRequest* request,
                          fintag::v1::ListModelsResponse* response) override;
  grpc::Status DeleteModel(grpc::ServerContext* context, const fintag::v1::DeleteModelRequest* request,
                           fintag::v1::DeleteModelResponse* response) override;

 private:
  absl::Status Import(Call& call, grpc::ServerReader<fintag::v1::ImportModelRequest>& reader,
                      fintag::v1::ModelVersion& response);
  absl::Status Export(const std::string& name, grpc::ServerWriter<fintag::v1::ExportModelResponse>& writer);
  fintag::v1::ModelVersion VersionMessage(const ModelVersion& version) const;
  fintag::v1::Model ModelMessage(const Model& model) const;

  const CallEnvironment environment_;
  ModelRegistry& models_;
  LoadedModels& loaded_;
  UploadRoom& room_;
  const int64_t max_bytes_;
};

}  // namespace fintag::server
