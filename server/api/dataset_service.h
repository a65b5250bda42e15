// fintag.v1.DatasetService.
#pragma once

#include <fintag/v1/dataset.grpc.pb.h>

#include "server/api/call.h"
#include "server/api/upload_room.h"
#include "server/datasets/dataset_registry.h"

namespace fintag::server {

class DatasetService final : public fintag::v1::DatasetService::Service {
 public:
  // A dataset's files may have `max_bytes` together.
  DatasetService(const CallEnvironment& environment, DatasetRegistry& datasets, UploadRoom& room, int64_t max_bytes)
      : environment_(environment), datasets_(datasets), room_(room), max_bytes_(max_bytes) {}

  grpc::Status UploadDataset(grpc::ServerContext* context, grpc::ServerReader<fintag::v1::UploadDatasetRequest>* reader,
                             fintag::v1::Dataset* response) override;
  grpc::Status GetDataset(grpc::ServerContext* context, const fintag::v1::GetDatasetRequest* request,
                          fintag::v1::Dataset* response) override;
  grpc::Status ListDatasets(grpc::ServerContext* context, const fintag::v1::ListDatasetsRequest* request,
                            fintag::v1::ListDatasetsResponse* response) override;
  grpc::Status DeleteDataset(grpc::ServerContext* context, const fintag::v1::DeleteDatasetRequest* request,
                             fintag::v1::DeleteDatasetResponse* response) override;

 private:
  absl::Status Upload(Call& call, grpc::ServerReader<fintag::v1::UploadDatasetRequest>& reader,
                      fintag::v1::Dataset& response);

  const CallEnvironment environment_;
  DatasetRegistry& datasets_;
  UploadRoom& room_;
  const int64_t max_bytes_;
};

}  // namespace fintag::server
