// fintag.v1.TaggingService.
#pragma once

#include <fintag/v1/tagging.grpc.pb.h>

#include "server/api/call.h"
#include "server/api/tagging.h"

namespace fintag::server {

class TaggingService final : public fintag::v1::TaggingService::Service {
 public:
  TaggingService(const CallEnvironment& environment, LoadedModels& models, const TaggingLimits& limits)
      : environment_(environment), tagging_(environment, models, limits) {}

  grpc::Status Tag(grpc::ServerContext* context, const fintag::v1::TagRequest* request,
                   fintag::v1::TagResponse* response) override;
  grpc::Status TagStream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>* stream) override;

 private:
  absl::Status Stream(grpc::ServerContext& context, Call& call,
                      grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>& stream);

  const CallEnvironment environment_;
  const Tagging tagging_;
};

}  // namespace fintag::server
