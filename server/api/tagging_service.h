// fintag.v1.TaggingService.
#pragma once

#include <fintag/v1/tagging.grpc.pb.h>

#include "server/api/call.h"
#include "server/serving/loaded_models.h"

namespace fintag::server {

struct TaggingLimits {
  int64_t max_text_bytes = 1 << 20;  // of one text
  int32_t max_texts = 1024;          // of one request
};

class TaggingService final : public fintag::v1::TaggingService::Service {
 public:
  TaggingService(const CallEnvironment& environment, LoadedModels& models, const TaggingLimits& limits)
      : environment_(environment), models_(models), limits_(limits) {}

  grpc::Status Tag(grpc::ServerContext* context, const fintag::v1::TagRequest* request,
                   fintag::v1::TagResponse* response) override;
  grpc::Status TagStream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>* stream) override;

 private:
  absl::Status TagInputs(grpc::ServerContext& context, const std::string& model,
                         const google::protobuf::RepeatedPtrField<fintag::v1::TextInput>& inputs,
                         const fintag::v1::TagOptions& options, fintag::v1::TagResponse& response);
  absl::Status Stream(grpc::ServerContext& context,
                      grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>& stream);

  const CallEnvironment environment_;
  LoadedModels& models_;
  const TaggingLimits limits_;
};

}  // namespace fintag::server
