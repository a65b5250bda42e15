#include "server/api/replica_services.h"

#include "core/text/strings.h"

namespace fintag::server {
namespace {

grpc::Status Refuse(const CallEnvironment& environment, grpc::ServerContext& context, const char* method,
                    const std::string& refusal) {
  return RunCall(environment, context, std::string("fintag.v1.") + method,
                 [&] { return absl::FailedPreconditionError(refusal); });
}

}  // namespace

std::string ReplicaRefusal(const std::string& primary) {
  return StrCat("this server only serves models: ask ",
                primary.empty() ? "the one that it follows, whose data folder this is" : primary);
}

grpc::Status ReplicaDatasetService::UploadDataset(grpc::ServerContext* context,
                                                  grpc::ServerReader<fintag::v1::UploadDatasetRequest>*,
                                                  fintag::v1::Dataset*) {
  return Refuse(environment_, *context, "DatasetService/UploadDataset", refusal_);
}

grpc::Status ReplicaDatasetService::GetDataset(grpc::ServerContext* context, const fintag::v1::GetDatasetRequest*,
                                               fintag::v1::Dataset*) {
  return Refuse(environment_, *context, "DatasetService/GetDataset", refusal_);
}

grpc::Status ReplicaDatasetService::ListDatasets(grpc::ServerContext* context, const fintag::v1::ListDatasetsRequest*,
                                                 fintag::v1::ListDatasetsResponse*) {
  return Refuse(environment_, *context, "DatasetService/ListDatasets", refusal_);
}

grpc::Status ReplicaDatasetService::DeleteDataset(grpc::ServerContext* context, const fintag::v1::DeleteDatasetRequest*,
                                                  fintag::v1::DeleteDatasetResponse*) {
  return Refuse(environment_, *context, "DatasetService/DeleteDataset", refusal_);
}

grpc::Status ReplicaTrainingService::CreateJob(grpc::ServerContext* context, const fintag::v1::CreateJobRequest*,
                                               fintag::v1::Job*) {
  return Refuse(environment_, *context, "TrainingService/CreateJob", refusal_);
}

grpc::Status ReplicaTrainingService::GetJob(grpc::ServerContext* context, const fintag::v1::GetJobRequest*,
                                            fintag::v1::Job*) {
  return Refuse(environment_, *context, "TrainingService/GetJob", refusal_);
}

grpc::Status ReplicaTrainingService::ListJobs(grpc::ServerContext* context, const fintag::v1::ListJobsRequest*,
                                              fintag::v1::ListJobsResponse*) {
  return Refuse(environment_, *context, "TrainingService/ListJobs", refusal_);
}

grpc::Status ReplicaTrainingService::CancelJob(grpc::ServerContext* context, const fintag::v1::CancelJobRequest*,
                                               fintag::v1::Job*) {
  return Refuse(environment_, *context, "TrainingService/CancelJob", refusal_);
}

grpc::Status ReplicaTrainingService::DeleteJob(grpc::ServerContext* context, const fintag::v1::DeleteJobRequest*,
                                               fintag::v1::DeleteJobResponse*) {
  return Refuse(environment_, *context, "TrainingService/DeleteJob", refusal_);
}

grpc::Status ReplicaTrainingService::WatchJob(grpc::ServerContext* context, const fintag::v1::WatchJobRequest*,
                                              grpc::ServerWriter<fintag::v1::JobEvent>*) {
  return Refuse(environment_, *context, "TrainingService/WatchJob", refusal_);
}

grpc::Status ReplicaTrainingService::ListJobProgress(grpc::ServerContext* context,
                                                     const fintag::v1::ListJobProgressRequest*,
                                                     fintag::v1::ListJobProgressResponse*) {
  return Refuse(environment_, *context, "TrainingService/ListJobProgress", refusal_);
}

grpc::Status ReplicaModelService::ImportModel(grpc::ServerContext* context,
                                              grpc::ServerReader<fintag::v1::ImportModelRequest>*,
                                              fintag::v1::ModelVersion*) {
  return Refuse(environment_, *context, "ModelService/ImportModel", refusal_);
}

grpc::Status ReplicaModelService::DeleteModel(grpc::ServerContext* context, const fintag::v1::DeleteModelRequest*,
                                              fintag::v1::DeleteModelResponse*) {
  return Refuse(environment_, *context, "ModelService/DeleteModel", refusal_);
}

grpc::Status ReplicaAdminService::Backup(grpc::ServerContext* context, const fintag::v1::BackupRequest*,
                                         grpc::ServerWriter<fintag::v1::BackupResponse>*) {
  return Refuse(environment_, *context, "AdminService/Backup", refusal_);
}

}  // namespace fintag::server
