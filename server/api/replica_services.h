// What a server answers that only serves the models of another (fintagd --role serve): methods that read or change what
// it does not have are FAILED_PRECONDITION, with whom to ask. Checked, counted and logged as any other call.
#pragma once

#include <fintag/v1/admin.grpc.pb.h>
#include <fintag/v1/dataset.grpc.pb.h>
#include <fintag/v1/training.grpc.pb.h>

#include <string>

#include "server/api/call.h"
#include "server/api/model_service.h"

namespace fintag::server {

// "this server only serves models: ask HOST:PORT"; without the address of the other server, what it is.
std::string ReplicaRefusal(const std::string& primary);

class ReplicaDatasetService final : public fintag::v1::DatasetService::Service {
 public:
  ReplicaDatasetService(const CallEnvironment& environment, std::string refusal)
      : environment_(environment), refusal_(std::move(refusal)) {}

  grpc::Status UploadDataset(grpc::ServerContext* context, grpc::ServerReader<fintag::v1::UploadDatasetRequest>* reader,
                             fintag::v1::Dataset* response) override;
  grpc::Status GetDataset(grpc::ServerContext* context, const fintag::v1::GetDatasetRequest* request,
                          fintag::v1::Dataset* response) override;
  grpc::Status ListDatasets(grpc::ServerContext* context, const fintag::v1::ListDatasetsRequest* request,
                            fintag::v1::ListDatasetsResponse* response) override;
  grpc::Status DeleteDataset(grpc::ServerContext* context, const fintag::v1::DeleteDatasetRequest* request,
                             fintag::v1::DeleteDatasetResponse* response) override;

 private:
  const CallEnvironment environment_;
  const std::string refusal_;
};

class ReplicaTrainingService final : public fintag::v1::TrainingService::Service {
 public:
  ReplicaTrainingService(const CallEnvironment& environment, std::string refusal)
      : environment_(environment), refusal_(std::move(refusal)) {}

  grpc::Status CreateJob(grpc::ServerContext* context, const fintag::v1::CreateJobRequest* request,
                         fintag::v1::Job* response) override;
  grpc::Status GetJob(grpc::ServerContext* context, const fintag::v1::GetJobRequest* request,
                      fintag::v1::Job* response) override;
  grpc::Status ListJobs(grpc::ServerContext* context, const fintag::v1::ListJobsRequest* request,
                        fintag::v1::ListJobsResponse* response) override;
  grpc::Status CancelJob(grpc::ServerContext* context, const fintag::v1::CancelJobRequest* request,
                         fintag::v1::Job* response) override;
  grpc::Status DeleteJob(grpc::ServerContext* context, const fintag::v1::DeleteJobRequest* request,
                         fintag::v1::DeleteJobResponse* response) override;
  grpc::Status WatchJob(grpc::ServerContext* context, const fintag::v1::WatchJobRequest* request,
                        grpc::ServerWriter<fintag::v1::JobEvent>* writer) override;
  grpc::Status ListJobProgress(grpc::ServerContext* context, const fintag::v1::ListJobProgressRequest* request,
                               fintag::v1::ListJobProgressResponse* response) override;

 private:
  const CallEnvironment environment_;
  const std::string refusal_;
};

class ReplicaModelService final : public ModelService {
 public:
  ReplicaModelService(const CallEnvironment& environment, ModelRegistry& models, LoadedModels& loaded, UploadRoom& room,
                      std::string refusal)
      : ModelService(environment, models, loaded, room, /*max_bytes=*/0),
        environment_(environment),
        refusal_(std::move(refusal)) {}

  grpc::Status ImportModel(grpc::ServerContext* context, grpc::ServerReader<fintag::v1::ImportModelRequest>* reader,
                           fintag::v1::ModelVersion* response) override;
  grpc::Status DeleteModel(grpc::ServerContext* context, const fintag::v1::DeleteModelRequest* request,
                           fintag::v1::DeleteModelResponse* response) override;

 private:
  const CallEnvironment environment_;
  const std::string refusal_;
};

class ReplicaAdminService final : public fintag::v1::AdminService::Service {
 public:
  ReplicaAdminService(const CallEnvironment& environment, std::string refusal)
      : environment_(environment), refusal_(std::move(refusal)) {}

  grpc::Status Backup(grpc::ServerContext* context, const fintag::v1::BackupRequest* request,
                      grpc::ServerWriter<fintag::v1::BackupResponse>* writer) override;

 private:
  const CallEnvironment environment_;
  const std::string refusal_;
};

}  // namespace fintag::server
