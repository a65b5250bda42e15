// fintag.v1.TrainingService.
#pragma once

#include <fintag/v1/training.grpc.pb.h>

#include "server/api/call.h"
#include "server/api/upload_room.h"
#include "server/api/watch_streams.h"
#include "server/jobs/job_queue.h"
#include "server/jobs/job_store.h"

namespace fintag::server {

class TrainingService final
    : public fintag::v1::TrainingService::WithCallbackMethod_WatchJob<fintag::v1::TrainingService::Service> {
 public:
  TrainingService(const CallEnvironment& environment, JobStore& store, JobQueue& queue, DatasetRegistry& datasets,
                  ModelRegistry& models, UploadRoom& room, int32_t max_watchers, int32_t max_processes)
      : environment_(environment),
        store_(store),
        queue_(queue),
        datasets_(datasets),
        models_(models),
        room_(room),
        max_processes_(max_processes),
        watches_(environment, store, queue, max_watchers) {}

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
  grpc::ServerWriteReactor<fintag::v1::JobEvent>* WatchJob(grpc::CallbackServerContext* context,
                                                           const fintag::v1::WatchJobRequest* request) override;
  grpc::Status ListJobProgress(grpc::ServerContext* context, const fintag::v1::ListJobProgressRequest* request,
                               fintag::v1::ListJobProgressResponse* response) override;

 private:
  // The job that `request` describes, checked as far as it can be before it runs.
  absl::StatusOr<Job> CheckSpec(const fintag::v1::CreateJobRequest& request);
  absl::StatusOr<fintag::v1::Job> JobMessage(const Job& job);
  absl::Status Answer(const Job& job, fintag::v1::Job& response);
  absl::Status Create(Call& call, const fintag::v1::CreateJobRequest& request, fintag::v1::Job& response);

  const CallEnvironment environment_;
  JobStore& store_;
  JobQueue& queue_;
  DatasetRegistry& datasets_;
  ModelRegistry& models_;
  UploadRoom& room_;
  const int32_t max_processes_;  // of one job
  WatchStreams watches_;
};

}  // namespace fintag::server
