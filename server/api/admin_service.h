// fintag.v1.AdminService.
#pragma once

#include <fintag/v1/admin.grpc.pb.h>

#include <filesystem>
#include <mutex>

#include "server/api/call.h"
#include "server/storage/database.h"

namespace fintag::server {

class AdminService final : public fintag::v1::AdminService::Service {
 public:
  AdminService(const CallEnvironment& environment, Database& database, std::filesystem::path data_dir)
      : environment_(environment), database_(database), data_dir_(std::move(data_dir)) {}

  grpc::Status Backup(grpc::ServerContext* context, const fintag::v1::BackupRequest* request,
                      grpc::ServerWriter<fintag::v1::BackupResponse>* writer) override;

 private:
  absl::Status Send(grpc::ServerWriter<fintag::v1::BackupResponse>& writer);

  const CallEnvironment environment_;
  Database& database_;
  const std::filesystem::path data_dir_;
  std::mutex one_;  // backup at a time
};

}  // namespace fintag::server
